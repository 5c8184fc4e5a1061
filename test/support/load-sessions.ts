/**
 * Sessions of many agents in this process, over the product's own client, that never rest: they come back at once when
 * the tracker goes, and report again and again what jobs order. They move no bytes; what they say is what agents say.
 */
import { generateKeyPairSync } from 'node:crypto';
import { connectSession, type Session, type TrackerMessageOf } from '@shoal/tracker/client';
import { cleanUpAfter } from './cleanup.ts';

export interface LoadSessions {
  connected(): number;
  /** Over all of them, so far. */
  welcomes(): number;
  /** Why one was refused for good. */
  refused: string[];
  /** From now on hosts with this label `group` report that they are ready. */
  finish(group: string): void;
  /** From now on no more of them do. */
  rest(): void;
}

export interface LoadOptions {
  url: string;
  token: string;
  ca: string;
  /** Host `load-7` has the label `group: groups[7 % groups.length]`. */
  groups: readonly string[];
  count: number;
}

interface Host {
  session: Session;
  group: string;
  isThere: boolean;
  /** By job id; those it has not reported as ready since it came back. */
  work: Map<string, { references: string[]; haveBytes: number }>;
}

const REPORT_EVERY_MS = 100;
const IMAGE_BYTES = 1_000_000;
/** Busy as it is, one process must not take its own delays for silence. */
const HEARTBEAT_MS = 60_000;

export function startLoad({ url, token, ca, groups, count }: LoadOptions): LoadSessions {
  const finished = new Set<string>();
  const refused: string[] = [];
  let welcomes = 0;
  const connect = (index: number): Host => {
    const group = groups[index % groups.length] ?? '';
    const host: Omit<Host, 'session'> = { group, isThere: false, work: new Map() };
    const session = connectSession({
      ...{ url, token, ca, heartbeatMs: HEARTBEAT_MS, reconnectDelayMs: 50, maxReconnectDelayMs: 250 },
      privateKey: generateKeyPairSync('ed25519').privateKey,
      hello: () => ({
        ...{ version: '0.0.1', name: `load-${index}`, labels: { group }, engine: null },
        ...{ platform: { os: 'linux', architecture: 'amd64' }, peerPort: 7610, peerHost: '127.0.0.1' },
      }),
      onMessage(message) {
        if (message.type === 'welcome') welcomes++;
        if (message.type === 'job') host.work.set(message.jobId, workOf(message));
        if (message.type === 'jobClosed') host.work.delete(message.jobId);
      },
      onState(state, error) {
        host.isThere = state === 'connected';
        if (state === 'disconnected') host.work.clear(); // a welcome brings what is still to do
        if (state === 'refused') refused.push(error?.text ?? 'no reason given');
      },
    });
    return Object.assign(host, { session });
  };
  const hosts = Array.from({ length: count }, (_, index) => connect(index));
  const timer = setInterval(() => {
    for (const host of hosts) if (host.isThere) report(host, finished.has(host.group));
  }, REPORT_EVERY_MS);
  cleanUpAfter(async () => {
    clearInterval(timer);
    await Promise.all(hosts.map(({ session }) => session.close()));
  });
  return {
    refused,
    connected: () => hosts.filter(({ isThere }) => isThere).length,
    welcomes: () => welcomes,
    finish: (group) => void finished.add(group),
    rest: () => finished.clear(),
  };
}

function workOf({ images }: TrackerMessageOf<'job'>): { references: string[]; haveBytes: number } {
  return { references: images.map(({ reference }) => reference), haveBytes: 0 };
}

function report({ session, work }: Host, isReady: boolean): void {
  for (const [jobId, doing] of work) {
    doing.haveBytes = isReady ? IMAGE_BYTES : Math.min(doing.haveBytes + 1_000, IMAGE_BYTES - 1);
    const { haveBytes } = doing;
    const bytes = { imageBytes: IMAGE_BYTES, wantedBytes: IMAGE_BYTES, haveBytes, peerBytes: haveBytes };
    session.send({
      type: 'report',
      jobId,
      images: doing.references.map((reference) => ({
        ...{ reference, state: isReady ? ('ready' as const) : ('fetching' as const) },
        ...{ ...bytes, resumedBytes: 0, archiveBytes: 0, feeders: [] },
      })),
    });
    if (isReady) work.delete(jobId);
  }
}
