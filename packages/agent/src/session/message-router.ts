/**
 * Hands each message of the tracker to the part that acts on it, one after the other: neighbours
 * and hashes may follow right behind the `joined` whose blob file is still being opened. A message
 * that fails is logged, never fatal.
 */
import type { TrackerMessage } from '@shoal/tracker/client';
import type { Logger } from 'pino';
import type { ShareClient } from '../bandwidth/share-client.ts';
import type { TrafficControl } from '../bandwidth/traffic-control.ts';
import { toSessionError } from '../errors.ts';
import type { JobRunner } from '../job/job-runner.ts';
import type { Swarms } from '../swarm/swarms.ts';
import type { Seeding } from './seeding.ts';
import type { AgentSessionState } from './session-state.ts';

export interface RouterOptions {
  state: AgentSessionState;
  swarms: Swarms;
  jobs: JobRunner;
  seeding: Seeding;
  traffic: TrafficControl;
  shares: ShareClient;
  logger: Logger;
}

export function createMessageRouter(options: RouterOptions): (message: TrackerMessage) => void {
  let before = Promise.resolve();
  return (message) => {
    before = before
      .then(() => route(message, options))
      .catch((error: unknown) => {
        const { code, text } = toSessionError(error);
        const { jobId, digest, swarm } = message as { jobId?: string; digest?: string; swarm?: string };
        options.logger.error(
          { event: 'message failed', type: message.type, jobId, digest, swarm, code, untrusted: text },
          'a message of the tracker could not be acted on',
        );
      });
  };
}

async function route(
  message: TrackerMessage,
  { state, swarms, jobs, seeding, traffic, shares }: RouterOptions,
): Promise<void> {
  switch (message.type) {
    case 'welcome':
      state.role = message.role;
      state.trackerKeyRaw = Buffer.from(message.trackerKey, 'base64url');
      traffic.setAddress(message.host);
      shares.connected();
      return swarms.sayAll();
    case 'joined':
      return swarms.joined(message);
    case 'joinRefused':
      return swarms.joinRefused(message);
    case 'neighbours':
      return swarms.neighbours(message);
    case 'hashes':
      return swarms.hashes(message);
    case 'foreign':
      return swarms.foreign(message);
    case 'sha1':
      void swarms.sha1(message); // takes seconds; what follows need not wait
      return;
    case 'leased':
      return swarms.leased(message);
    case 'ticket':
      return swarms.ticket(message);
    case 'retract':
      return swarms.retract(message);
    case 'shares':
      return shares.answered(message);
    case 'policy':
      return traffic.setPolicy(message);
    case 'seed':
      return seeding.seed(message);
    case 'read':
      return seeding.read(message);
    case 'seeded':
      return seeding.seeded(message);
    case 'job':
      return jobs.start(message);
    case 'jobClosed':
      return jobs.closed(message);
    case 'challenge':
    case 'refused':
      return; // the session's own
  }
}
