/**
 * The agent, put together: identity, store, workers, peer port, swarms, jobs, the session with the
 * tracker, the control API. Starts and stops them in order; decides nothing about bytes.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Digest } from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import { connectSession, type Session } from '@shoal/tracker/client';
import { importRawPublicKey } from '@shoal/wire';
import type { Logger } from 'pino';
import type { AgentStatus } from './agent-status.ts';
import { type Bandwidth, createBandwidth } from './bandwidth/bandwidth.ts';
import { openNicCounters } from './bandwidth/nic-counters.ts';
import { createShareClient } from './bandwidth/share-client.ts';
import { openTrafficControl } from './bandwidth/traffic-control.ts';
import { createYielding, type Measured } from './bandwidth/yielding.ts';
import { type Cache, type CacheOptions, type CacheParts, openCache } from './cache/cache.ts';
import { createCacheDesk } from './cache/cache-desk.ts';
import { needsOf } from './cache/needs.ts';
import { type Closers, createClosers } from './closers.ts';
import { openControlApi } from './control/control-api.ts';
import type { HeldImages } from './engine/index.ts';
import { AgentError } from './errors.ts';
import { type ExitOptions, openExit } from './host-facts.ts';
import { loadIdentity } from './identity.ts';
import { JobRunner } from './job/job-runner.ts';
import { openPeerPort } from './peer/peer-port.ts';
import { UploadScheduler } from './peer/upload-scheduler.ts';
import { openAuthority } from './proxy/authority.ts';
import { readDirectly } from './proxy/direct-reading.ts';
import { createPulls } from './proxy/pulls.ts';
import { openRegistryProxy, type ProxyOptions, type ProxyParts } from './proxy/registry-proxy.ts';
import { createMessageRouter } from './session/message-router.ts';
import { createSeeding } from './session/seeding.ts';
import { createSessionState } from './session/session-state.ts';
import { createStatus, trafficOf } from './session/status.ts';
import { createBackgroundCheck } from './store/background-check.ts';
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
  /** The registry proxy for engines on this host; default: none. */
  proxy?: ProxyOptions | undefined;
  /** `Infinity` for no cap. */
  limits: { uploadBytesPerSecond: number; downloadBytesPerSecond: number };
  exit: ExitOptions;
  cache?: CacheOptions;
  /** `linkBytesPerSecond`: default is what the card says; `measure`: names of the cards that business traffic takes. */
  bandwidth?: { linkBytesPerSecond?: number; measure?: readonly string[] };
  /** Seeder role only: where a registry's blobs are read. */
  openSource?: (registry: string) => Promise<ImageSource>;
  logger: Logger;
}

export interface Agent {
  readonly peerId: string;
  readonly controlPort: number | undefined;
  readonly proxyPort: number | undefined;
  status(): AgentStatus;
  /** Resolves when the agent has stopped: by `stop`, by the control API, or refused by the tracker (then with the error). */
  readonly stopped: Promise<Error | undefined>;
  stop(): Promise<void>;
}

const WORKERS = 2;
const REPORT_MS = 250;
const HAVE_MS = 1000;
/** Nobody looks at what swarms hold and hosts moved as they look at a job: said so many times less often than its report. */
const FEWER = 4;
const ROUND_MS = 60_000;

/** Rejects with AgentError (STORE_BUSY, PORT_IN_USE …); then nothing is left open. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const closers = createClosers();
  try {
    return await start(options, closers);
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

async function start(options: AgentOptions, closers: Closers): Promise<Agent> {
  const { dataDir, logger, limits, version } = options;
  const identity = await loadIdentity(dataDir);
  const workers = closers.add(startPieceWorkers(WORKERS), ({ stop }) => stop());
  const makeRoom = (wantedBytes: number): Promise<void> => cache.makeRoom(wantedBytes);
  const store = closers.add(await openBlobStore(join(dataDir, 'blobs'), workers, { makeRoom }), ({ close }) => close());
  const drop = (digest: Digest): Promise<void> => swarms.forget(digest);
  const dropWrong = (digest: Digest): void => {
    drop(digest).catch((err) => logger.warn({ event: 'blob still there', digest, err }, 'it is deleted later'));
  };
  const cacheParts: CacheParts = { dataDir, store, logger, drop, neededFor: (digest) => neededFor(digest) };
  const cache = closers.add(await openCache(options.cache ?? {}, cacheParts), ({ close }) => close());
  const opened = closers.add(await openExit(options.exit, dataDir, logger), ({ close }) => close());
  const now = (): number => performance.now();
  let session: Session | undefined;
  const send: Session['send'] = (message) => session?.send(message);
  const shares = createShareClient({
    ...{ run: randomUUID(), send, now, after: runAfter },
    onChange: () => traffic.sharesChanged(),
  });
  const bandwidth = createBandwidth([], now, shares);
  const uploads = new UploadScheduler(bandwidth, now);
  const downloads = new DownloadScheduler(bandwidth, now);
  const { linkBytesPerSecond, measure } = options.bandwidth ?? {};
  const yielding = createYielding({
    counters: openNicCounters({ platform: process.platform, measure, now, logger }),
    linkBytesPerSecond,
    moved: () => ({ download: downloads.receivedBytes + downloads.originBytes, upload: uploads.sentBytes }),
  });
  const traffic = await openTrafficControl({
    host: { name: options.name, labels: options.labels },
    ...{ limits, bandwidth, yielding, dataDir, logger, wallNow: Date.now },
    shares: { setCaps: (caps) => shares.setCaps(caps), shareOf: (cap) => shares.shareOf(cap, now()) },
    onBlockBytes: (blockBytes) => uploads.shortenBlocks(blockBytes),
  });
  const memory = createPieceMemory();
  const state = createSessionState(await opened.readFacts());

  const check = createBackgroundCheck({
    onWrong(blob) {
      logger.error(
        { event: 'blob wrong', digest: blob.digest },
        'a blob in the cache is not what its digest says; it is dropped',
      );
      dropWrong(blob.digest);
    },
  });
  const swarms: Swarms = new Swarms({
    store,
    logger,
    send,
    isSeeder: () => state.role === 'seeder',
    onNeighbours: (neighbours) => state.addNames(neighbours),
    onOpened: () => peers.lookAgain(),
    onComplete: (blob) => {
      if (options.exit.kind === 'cache') check.add(blob); // an exit computes the digest itself
    },
    context: {
      trackerKey: () => importRawPublicKey(state.trackerKeyRaw),
      privateKey: identity.privateKey,
      nowSeconds: () => Date.now() / 1000,
      uploads,
      downloads,
      memory,
      blockBytes: () => traffic.blockBytes,
      now,
      random: Math.random,
      dial: (neighbour, handler, onFailed) => peers.dial(neighbour, handler, onFailed),
    },
  });
  const port = await openPeerPort({
    ...options.peer,
    ...{ identity, version, logger },
    findHandler: (swarmId) => swarms.runner(swarmId),
    findForeign: (infoHash, remoteHost) => swarms.foreignRunner(infoHash, remoteHost),
  });
  const peers = closers.add(port, ({ close }) => close());
  const peerName = (peerId: string) => state.nameOf(peerId);
  const isTrackerThere = () => state.connection === 'connected';
  const jobs = new JobRunner({ swarms, store, exit: opened.exit, cache, logger, send, peerName, isTrackerThere });
  const seeding = createSeeding({ swarms, memory, downloads, logger, send, openSource: options.openSource });
  for (const part of [check, traffic, shares, downloads, uploads, swarms, seeding, jobs])
    closers.add(part, () => part.stop());
  const take = (bytes: number, signal: AbortSignal) => downloads.take('pull', bytes, signal);
  const pulls = createPulls({
    ...{ swarms, store, logger, isTrackerThere },
    bytesPerSecond: () => pullRate(bandwidth),
    readDirectly: (reading) => readDirectly(reading, { swarms, memory, downloads, onBytes() {} }),
  });
  const neededFor = needsOf({ store, jobs, pulls, seeding, swarms, nowMs: Date.now });
  const openParts = async (): Promise<ProxyParts> => ({
    authority: await openAuthority(dataDir),
    ...{ store, pulls, take, logger, nowMs: Date.now },
    onSpoilt: dropWrong,
  });
  const proxy = options.proxy && (await openRegistryProxy(options.proxy, await openParts()));
  if (proxy) closers.add(proxy, () => proxy.close());
  const status = createStatus({
    ...{ options, identity, state, store, swarms, cache, jobs },
    ...{ uploads, downloads, seeding, peers, traffic, proxy },
  });

  const { held } = opened;
  const moved = () => trafficOf({ uploads, downloads, seeding });
  const desk = createCacheDesk({ store, cache, held, check, jobs, swarms });
  const stopped = createStopped(closers, logger);
  const onStop = (): void => void stopped.stop();
  const control =
    options.control && (await openControlApi({ ...options.control, dataDir, status, cache: desk, onStop }));
  if (control) closers.add(control, () => control.close());
  closers.add(startReports({ jobs, swarms, moved, measured: () => yielding.measured, send, cache, held }), (timers) =>
    timers.forEach(clearInterval),
  );

  const { tracker, peer, name, labels } = options;
  session = connectSession({
    ...tracker,
    privateKey: identity.privateKey,
    hello: () => ({ version, name, peerHost: peer.advertiseHost, peerPort: peers.port, labels, ...state.facts }),
    onMessage: createMessageRouter({ state, swarms, jobs, seeding, traffic, shares, logger }),
    onState(next, error) {
      state.changed(next, error);
      seeding.trackerIsThere(next === 'connected');
      const said = { event: `tracker ${next}`, code: error?.code, untrusted: error?.text };
      if (next === 'refused') {
        logger.error(said, 'the tracker refused this agent');
        void stopped.stop(new AgentError('REFUSED', `${error?.text ?? 'no reason given'}`));
      } else if (next === 'disconnected')
        logger.warn(said, 'no session with the tracker; see that tracker.url and tracker.ca are right. Trying again');
      else logger.info(said, 'session with the tracker');
      if (next === 'disconnected') void opened.readFacts().then((facts) => state.setFacts(facts));
    },
  });
  closers.add(session, ({ close }) => close());
  return {
    peerId: identity.peerId,
    controlPort: control?.port,
    proxyPort: proxy?.port,
    status,
    stopped: stopped.reason,
    stop: () => stopped.stop(),
  };
}

/** From wherever in the swarm: who waits does not know where from. */
function pullRate(bandwidth: Bandwidth): number {
  const rates = (['zone', 'elsewhere'] as const).map((remote) =>
    bandwidth.rate({ class: 'pull', direction: 'download', remote }),
  );
  return Math.min(...rates);
}

/** Ends everything once, whoever asks; a reason is an error. */
function createStopped(closers: Closers, logger: Logger) {
  let resolve: (reason: Error | undefined) => void = () => {};
  const reason = new Promise<Error | undefined>((settle) => {
    resolve = settle;
  });
  let stopping: Promise<void> | undefined;
  const stop = (why?: Error): Promise<void> => {
    stopping ??= closers.closeAll().then(() => {
      logger.info({ event: 'agent stopped' }, 'agent stopped');
      resolve(why);
    });
    return stopping;
  };
  return { reason, stop };
}

interface Reporting {
  jobs: JobRunner;
  swarms: Swarms;
  moved(): AgentStatus['traffic'];
  /** The network card, where it can be read. */
  measured(): Measured | undefined;
  send: Session['send'];
  cache: Cache;
  held: HeldImages | undefined;
}

/** What the tracker is told unasked: jobs a few times a second, swarms and traffic once; in jobs of many hosts less often. */
function startReports({ jobs, swarms, moved, measured, send, cache, held }: Reporting): NodeJS.Timeout[] {
  let lastTraffic = '';
  let reportedMs = Number.NEGATIVE_INFINITY;
  const reportTraffic = (): void => {
    if (performance.now() - reportedMs < FEWER * jobs.reportMs) return;
    reportedMs = performance.now();
    swarms.reportHave();
    const traffic = moved();
    const text = JSON.stringify(traffic);
    const card = measured();
    if (text !== lastTraffic) send({ type: 'traffic', ...traffic, ...(card && { card: inWholeBytes(card) }) });
    lastTraffic = text;
  };
  /** Whether something may go from cache and engine. */
  const round = async (): Promise<void> => {
    jobs.sayEnded();
    await held?.round(Date.now(), (manifestDigest) => jobs.jobOfImage(manifestDigest) !== undefined);
    await cache.round();
  };
  return [
    setInterval(() => jobs.report(performance.now()), REPORT_MS),
    setInterval(reportTraffic, HAVE_MS),
    setInterval(() => void round(), ROUND_MS),
  ];
}

function inWholeBytes({ business, own }: Measured): Measured {
  const whole = ({ download, upload }: Measured['own']) => ({
    download: Math.max(0, Math.round(download)),
    upload: Math.max(0, Math.round(upload)),
  });
  return { business: whole(business), own: whole(own) };
}

function runAfter(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs).unref();
  return () => clearTimeout(timer);
}
