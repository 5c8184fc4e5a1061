/** A real tracker on loopback and agents that do what a test tells them. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Platform } from '@shoal/oci';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import {
  type AgentMessage,
  type AgentRole,
  connectSession,
  createTrackerClient,
  type ImageReport,
  type Session,
  type SessionError,
  type SessionState,
  type TrackerClient,
  type TrackerMessage,
  type TrackerMessageOf,
} from './client/index.ts';
import type { Clock } from './clock.ts';
import type { HarborOptions } from './harbor/options.ts';
import type { MarathonSite } from './marathon/site.ts';
import { createMemorySource, type MemorySource } from './memory-source.testkit.ts';
import type { OpenSource } from './resolve/resolve-images.ts';
import type { OidcOptions } from './sign-in/options.ts';
import { openDatabase } from './store/database.ts';
import type { OpenUpstream } from './swarms/pulls.ts';
import { createTracker, type Tracker } from './tracker.ts';

export interface TestTracker {
  tracker: Tracker;
  client: TrackerClient;
  source: MemorySource;
  dataDir: string;
  logs: string[];
  /** The first line, from the `from`th on, that has this in it; waits for it. */
  logged(text: string, from?: number): Promise<string>;
  /** As the last welcome told it. */
  trackerKey?: string;
  agent(name: string, options?: TestAgentOptions): Promise<TestAgent>;
  /** Stops it and starts another on the same folder and port. */
  restart(): Promise<void>;
}

export interface TestTrackerOptions {
  source?: MemorySource;
  clock?: Clock;
  foreignPeers?: boolean;
  publicUrl?: string;
  zoneLabel?: string;
  openUpstream?: OpenUpstream;
  harbor?: HarborOptions;
  /** Default: `source`, whoever asks. */
  openSource?: OpenSource;
  marathon?: readonly MarathonSite[];
  dashboard?: readonly URL[];
  oidc?: OidcOptions;
  /** 0, the default, takes a free one. */
  port?: number;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-tracker-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export async function startTracker({
  source = createMemorySource(),
  port: firstPort = 0,
  ...options
}: TestTrackerOptions = {}) {
  const dataDir = temporaryFolder();
  const logs: string[] = [];
  const loggers = new Set<() => void>();
  const write = (line: string) => {
    logs.push(line);
    for (const wake of loggers) wake();
  };
  const logger = pino({ level: 'trace' }, { write });
  const start = (port: number) =>
    createTracker({
      openSource: async () => source,
      ...{ ...options, dataDir, port, logger, host: '127.0.0.1', insecure: true, version: '1.2.3' },
    });
  const first = await start(firstPort);
  const client = createTrackerClient({ url: first.url, token: first.createToken('admin', 'test') });
  const kit: TestTracker = {
    ...{ tracker: first, client, source, dataDir, logs },
    logged: (text, from = 0) => until(loggers, () => logs.slice(from).find((line) => line.includes(text))),
    agent: async (name, options = {}) => {
      const agent = await startAgent(kit.tracker, name, options);
      kit.trackerKey = agent.trackerKey ?? kit.trackerKey;
      return agent;
    },
    restart: async () => {
      await kit.tracker.stop();
      kit.tracker = await start(first.port);
    },
  };
  onTestFinished(async () => {
    await client.close();
    await kit.tracker.stop();
  });
  return kit;
}

const WRITES = [
  'INSERT ON agents',
  'INSERT ON job_hosts',
  'UPDATE ON jobs',
  'INSERT ON blobs',
  'INSERT ON offline_parts',
  'INSERT ON pushes',
];

/** From now on the tracker's saves fail, as on a full disk. Returns how to end that. */
export function blockWrites({ dataDir }: TestTracker): () => void {
  const change = (sqlOf: (write: string, at: number) => string) => {
    const db = openDatabase(dataDir);
    for (const [at, write] of WRITES.entries()) db.exec(sqlOf(write, at));
    db.close();
  };
  change((write, at) => `CREATE TRIGGER full${at} BEFORE ${write} BEGIN SELECT RAISE(FAIL, 'disk full'); END`);
  return () => change((_write, at) => `DROP TRIGGER full${at}`);
}

export interface TestAgentOptions {
  role?: AgentRole;
  token?: string;
  url?: string;
  ca?: string;
  platform?: Platform;
  peerHost?: string;
  version?: string;
  /** Default: zone a. */
  labels?: Record<string, string>;
  privateKey?: ReturnType<typeof newKey>;
  /** Whether it is refused is what the test wants to see. */
  expectRefusal?: boolean;
}

export interface TestAgent {
  peerId: string;
  trackerKey?: string;
  session: Session;
  privateKey: ReturnType<typeof newKey>;
  /** Taken out by `next`. Without the policies. */
  inbox: TrackerMessage[];
  /** One comes after every welcome. */
  policies: TrackerMessageOf<'policy'>[];
  states: [SessionState, SessionError?][];
  send(message: AgentMessage): void;
  /** The next message of this type that a test has not taken yet. Others stay in the inbox. */
  next<T extends TrackerMessage['type']>(type: T): Promise<TrackerMessageOf<T>>;
  /** Resolves when the session comes to this state, or is in it. */
  state(state: SessionState): Promise<SessionError | undefined>;
  join(digest: string, jobId: string): Promise<TrackerMessageOf<'joined'>>;
  /** Sends something that is always answered and waits for it: all before it has been handled. */
  settled(): Promise<void>;
  /** Resolves when it has heard of this version. */
  policy(version: number): Promise<TrackerMessageOf<'policy'>>;
  close(): Promise<void>;
}

export function newKey() {
  return generateKeyPairSync('ed25519').privateKey;
}

let requests = 0;

async function startAgent(tracker: Tracker, name: string, options: TestAgentOptions): Promise<TestAgent> {
  const {
    role = 'agent',
    platform = { os: 'linux', architecture: 'amd64' },
    peerHost,
    labels = { zone: 'a' },
    version = '1.2.3',
  } = options;
  const privateKey = options.privateKey ?? newKey();
  const wakeups = new Set<() => void>();
  const wake = () => {
    for (const wakeup of wakeups) wakeup();
  };
  const agent: TestAgent = {
    ...{ peerId: '', privateKey, inbox: [], policies: [], states: [] },
    session: connectSession({
      url: options.url ?? tracker.url,
      token: options.token ?? tracker.createToken(role, name),
      ca: options.ca,
      privateKey,
      hello: () => ({
        version,
        name,
        peerHost,
        peerPort: 7610,
        labels,
        platform,
        engine: null,
      }),
      reconnectDelayMs: 10,
      onMessage: (message) => {
        if (message.type === 'policy') agent.policies.push(message);
        else agent.inbox.push(message);
        wake();
      },
      onState: (state, error) => {
        agent.states.push([state, error]);
        wake();
      },
    }),
    send: (message) => agent.session.send(message),
    next: async <T extends TrackerMessage['type']>(type: T) => {
      const index = await until(wakeups, () => {
        const found = agent.inbox.findIndex((message) => message.type === type);
        return found < 0 ? undefined : found;
      });
      return agent.inbox.splice(index, 1)[0] as TrackerMessageOf<T>;
    },
    state: async (state) => (await until(wakeups, () => agent.states.find(([seen]) => seen === state)))[1],
    join: async (digest, jobId) => {
      agent.send({ type: 'join', request: ++requests, digest, jobId });
      return await agent.next('joined');
    },
    settled: async () => {
      agent.send({ type: 'join', request: ++requests, digest: `sha256:${'0'.repeat(64)}`, jobId: 'none' });
      await agent.next('joinRefused');
    },
    policy: (version) => until(wakeups, () => agent.policies.find((policy) => policy.version === version)),
    close: () => agent.session.close(),
  };
  onTestFinished(() => agent.close());
  if (!options.expectRefusal) {
    const { peerId, trackerKey } = await agent.next('welcome');
    Object.assign(agent, { peerId, trackerKey });
  }
  return agent;
}

function until<T>(wakeups: Set<() => void>, look: () => T | undefined): Promise<T> {
  return new Promise((resolve) => {
    const check = () => {
      const found = look();
      if (found === undefined) return;
      wakeups.delete(check);
      resolve(found);
    };
    wakeups.add(check);
    check();
  });
}

export function reportOf(reference: string, changes: Partial<ImageReport> = {}): ImageReport {
  return {
    ...{ reference, state: 'fetching', imageBytes: 1_000_000, wantedBytes: 1_000_000, haveBytes: 0 },
    ...{ peerBytes: 0, resumedBytes: 0, archiveBytes: 0, feeders: [] },
    ...changes,
  } as ImageReport;
}

/** Distinct 32 byte hashes for pieces from `first` on, as base64. */
export function hashesOf(first: number, count: number): string {
  return Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.alloc(32, first + index + 1))).toString(
    'base64',
  );
}
