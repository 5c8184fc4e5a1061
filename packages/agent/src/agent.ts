/**
 * The agent, put together: identity, store, workers, peer port, swarms, jobs, the session with the
 * tracker, the control API. Starts and stops them in order; decides nothing about bytes.
 */
import { join } from 'node:path';
import { createTokenBucket } from '@shoal/policy';
import type { ImageSource } from '@shoal/registry';
import { connectSession, type Session } from '@shoal/tracker/client';
import { importRawPublicKey } from '@shoal/wire';
import type { Logger } from 'pino';
import type { AgentStatus } from './agent-status.ts';
import { openControlApi } from './control/control-api.ts';
import { AgentError } from './errors.ts';
import { type ExitOptions, openExit } from './host-facts.ts';
import { loadIdentity } from './identity.ts';
import { JobRunner } from './job/job-runner.ts';
import { openPeerPort } from './peer/peer-port.ts';
import { UploadScheduler } from './peer/upload-scheduler.ts';
import { createMessageRouter } from './session/message-router.ts';
import { createSeeding } from './session/seeding.ts';
import { createSessionState } from './session/session-state.ts';
import { createStatus } from './session/status.ts';
import { openBlobStore } from './store/blob-store.ts';
import { createPieceMemory } from './store/piece-memory.ts';
import { startPieceWorkers } from './store/piece-workers.ts';
import { DownloadScheduler } from './swarm/download-scheduler.ts';
import { Swarms } from './swarm/swarms.ts';

export interface AgentOptions {
  /** Identity, blobs and the control token live here; one agent a folder. */
  dataDir: string;
  /** Shown to operators; default: the host's name. */
  name: string;
  version: string;
  labels: Record<string, string>;
  tracker: { url: string; token: string; ca?: string };
  /** `advertiseHost`: where peers find this host; default: the address the tracker sees. */
  peer: { host: string; port: number; advertiseHost?: string };
  control: { host: string; port: number } | undefined;
  /** `Infinity` for no cap. */
  limits: { uploadBytesPerSecond: number; downloadBytesPerSecond: number };
  exit: ExitOptions;
  /** Seeder role only: where a registry's blobs are read. */
  openSource?: (registry: string) => Promise<ImageSource>;
  logger: Logger;
}

export interface Agent {
  readonly peerId: string;
  readonly controlPort: number | undefined;
  status(): AgentStatus;
  /** Resolves when the agent has stopped: by `stop`, by the control API, or refused by the tracker (then with the error). */
  readonly stopped: Promise<Error | undefined>;
  stop(): Promise<void>;
}

const WORKERS = 2;
const REPORT_MS = 250;
const HAVE_MS = 1000;

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { dataDir, logger, limits, version } = options;
  const identity = await loadIdentity(dataDir);
  const workers = startPieceWorkers(WORKERS);
  const store = await openBlobStore(join(dataDir, 'blobs'), workers);
  const now = (): number => performance.now();
  const uploads = new UploadScheduler(createTokenBucket(limits.uploadBytesPerSecond, now()), now);
  const downloads = new DownloadScheduler(createTokenBucket(limits.downloadBytesPerSecond, now()), now);
  const memory = createPieceMemory();
  const opened = openExit(options.exit, logger);
  const state = createSessionState(await opened.readFacts());
  let session: Session | undefined;
  const send: Session['send'] = (message) => session?.send(message);

  const swarms: Swarms = new Swarms({
    store,
    logger,
    send,
    isSeeder: () => state.role === 'seeder',
    onNeighbours: (neighbours) => state.addNames(neighbours),
    context: {
      trackerKey: () => importRawPublicKey(state.trackerKeyRaw),
      uploads,
      downloads,
      memory,
      blockBytes: blockBytesFor(limits),
      now,
      random: Math.random,
      dial: (neighbour, handler, onFailed) => peers.dial(neighbour, handler, onFailed),
    },
  });
  const peers = await openPeerPort({
    ...options.peer,
    identity,
    version,
    logger,
    findHandler: (swarmId) => swarms.runner(swarmId),
  });
  const jobs = new JobRunner({
    swarms,
    store,
    exit: opened.exit,
    logger,
    send,
    peerName: (peerId) => state.nameOf(peerId),
  });
  const seeding = createSeeding({ swarms, memory, downloads, logger, send, openSource: options.openSource });
  const status = createStatus({ options, identity, state, store, swarms, jobs, uploads, seeding, peers });

  let markStopped: (reason: Error | undefined) => void = () => {};
  const stopped = new Promise<Error | undefined>((resolve) => {
    markStopped = resolve;
  });
  const timers = [setInterval(() => jobs.report(), REPORT_MS), setInterval(() => reportTraffic(), HAVE_MS)];
  let lastTraffic = '';
  const reportTraffic = (): void => {
    swarms.reportHave();
    const { traffic } = status();
    const text = JSON.stringify(traffic);
    if (text !== lastTraffic) send({ type: 'traffic', ...traffic });
    lastTraffic = text;
  };

  let stopping: Promise<void> | undefined;
  const stop = (reason?: Error): Promise<void> => {
    stopping ??= (async () => {
      for (const timer of timers) clearInterval(timer);
      jobs.stop();
      seeding.stop();
      swarms.stop();
      uploads.stop();
      downloads.stop();
      await session?.close();
      await peers.close();
      await store.close();
      await workers.stop();
      await opened.close();
      await control?.close();
      logger.info({ event: 'agent stopped' }, 'agent stopped');
      markStopped(reason);
    })();
    return stopping;
  };
  const control =
    options.control &&
    (await openControlApi({ ...options.control, dataDir, status, onStop: () => void stop() }).catch(releaseAll));
  async function releaseAll(error: unknown): Promise<never> {
    await stop();
    throw error;
  }

  const { tracker } = options;
  session = connectSession({
    url: tracker.url,
    token: tracker.token,
    ca: tracker.ca,
    privateKey: identity.privateKey,
    hello: () => ({
      version,
      name: options.name,
      peerHost: options.peer.advertiseHost,
      peerPort: peers.port,
      labels: options.labels,
      ...state.facts,
    }),
    onMessage: createMessageRouter({ state, swarms, jobs, seeding, logger }),
    onState(next, error) {
      state.changed(next, error);
      if (next === 'refused') {
        logger.error({ event: 'refused', code: error?.code, untrusted: error?.text }, 'the tracker refused this agent');
        void stop(new AgentError('REFUSED', `${error?.text ?? 'no reason given'}`));
      } else
        logger.info({ event: `tracker ${next}`, code: error?.code, untrusted: error?.text }, `tracker session ${next}`);
      if (next === 'disconnected') void opened.readFacts().then((facts) => state.setFacts(facts));
    },
  });
  return { peerId: identity.peerId, controlPort: control?.port, status, stopped, stop: () => stop() };
}

/** Under a low cap a block is at most about 10 ms of the rate, so that the cap stays smooth. */
function blockBytesFor({ uploadBytesPerSecond, downloadBytesPerSecond }: AgentOptions['limits']): number {
  const tenMs = Math.min(uploadBytesPerSecond, downloadBytesPerSecond) / 100;
  let blockBytes = 256 * 1024;
  while (blockBytes > 16 * 1024 && blockBytes > tenMs) blockBytes /= 2;
  return blockBytes;
}
