/**
 * What begins, what ends and what moves when agents speak: ties sessions to roster, swarms and jobs.
 */

import { exportRawPublicKey } from '@shoal/wire';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { sessionError } from '../errors.ts';
import type { FleetDesk } from '../fleet/fleet-desk.ts';
import type { ForeignPeers } from '../foreign/foreign-peers.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Policies } from '../policy/policies.ts';
import type { ShareDesk } from '../policy/share-desk.ts';
import type { TrackerSecrets } from '../store/settings-store.ts';
import type { Swarms } from '../swarms/swarms.ts';
import type { SessionHandler } from './accept-session.ts';
import type { AgentRoster } from './agent-roster.ts';
import type { MovedBytes } from './moved-bytes.ts';
import type { Presence } from './presence.ts';

export interface SessionHandlerDeps {
  presence: Presence;
  roster: AgentRoster;
  swarms: Swarms;
  jobs: Jobs;
  policies: Policies;
  shares: ShareDesk;
  fleet: FleetDesk;
  /** Undefined: foreign peers are off. */
  foreign: ForeignPeers | undefined;
  moved: MovedBytes;
  secrets: TrackerSecrets;
  clock: Clock;
  version: string;
  log: Logger;
}

export function createSessionHandler(deps: SessionHandlerDeps): SessionHandler {
  const { presence, roster, swarms, jobs, policies, fleet, log } = deps;
  const trackerKey = exportRawPublicKey(deps.secrets.publicKey).toString('base64url');
  return {
    opened(session) {
      const { peerId, name, role } = session;
      presence.get(peerId)?.refuse(sessionError('SESSION_REPLACED'));
      presence.add(session);
      roster.arrived(session);
      fleet.opened(session);
      log.info({ peerId, role, foreign: name }, 'agent connected');
      session.send({ type: 'welcome', peerId, host: session.host, trackerKey, role, trackerVersion: deps.version });
      policies.opened(session); // before any byte is asked for
      jobs.opened(session);
      swarms.opened(session);
    },
    message(session, message) {
      switch (message.type) {
        case 'cached':
          return swarms.cached(session, message);
        case 'join':
          return swarms.join(session, message);
        case 'leave':
          return swarms.leave(session, message.swarm);
        case 'have':
          return swarms.have(session, message);
        case 'publish':
          return swarms.publish(session, message);
        case 'lease':
          return swarms.lease(session, message);
        case 'replace':
          return swarms.replace(session, message);
        case 'seedFailed':
          return swarms.seedFailed(session, message);
        case 'sha1Hashes':
          return deps.foreign?.sha1Hashes(session, message);
        case 'report':
          return jobs.report(session, message);
        case 'shares':
          return deps.shares.asked(session, message);
        case 'traffic': {
          const { type: _, card, ...traffic } = message;
          session.traffic = traffic;
          if (card !== undefined) session.card = { ...card, atMs: deps.clock.now() };
          deps.moved.add(session.peerId, session.traffic);
        }
      }
    },
    closed(session) {
      if (!presence.remove(session)) return;
      for (const part of [roster.left, fleet.closed, swarms.closed, jobs.closed]) {
        try {
          part(session);
        } catch (error) {
          log.error({ peerId: session.peerId, err: error }, 'the end of a session failed in part');
        }
      }
      log.info({ peerId: session.peerId, foreign: session.name }, 'agent disconnected');
    },
  };
}
