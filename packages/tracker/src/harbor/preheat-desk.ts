/**
 * Harbor's preheats from order to answer: an order becomes a job, or seeders read ahead; a poll always has an answer.
 * Decides which order is the same as one under way. What Harbor sends and hears is preheat-requests.ts and
 * preheat-answers.ts.
 */
import { formatReference, parseReference, type Reference } from '@shoal/oci';
import { type ImageSource, RegistryError } from '@shoal/registry';
import type { Logger } from 'pino';
import type { JobView } from '../client/job-schemas.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { rememberingSource } from '../resolve/remembering-source.ts';
import type { OpenSource } from '../resolve/resolve-images.ts';
import type { Preheat, PreheatStore } from '../store/preheat-store.ts';
import type { AheadBlob } from '../swarms/ahead.ts';
import { blobsAhead } from './blobs-ahead.ts';
import type { Fleet } from './fleet.ts';
import type { HarborOptions, PreheatOptions } from './options.ts';
import {
  DEFAULT_CLUSTER,
  outcomeOfJob,
  outcomeOfNobody,
  outcomeOfSeeders,
  type PreheatOutcome,
} from './preheat-answers.ts';
import type { PreheatOrder } from './preheat-requests.ts';

export interface PreheatDesk {
  /** The same one as before when that still runs. Throws TrackerError, OciError, RegistryError; then nothing was ordered. */
  order(order: PreheatOrder): Promise<PreheatOutcome>;
  outcome(id: number): PreheatOutcome;
  /** After a start: goes on with what seeders had not read. */
  resume(): void;
}

export interface PreheatDeps {
  store: PreheatStore;
  jobs: Pick<Jobs, 'create' | 'view'>;
  fleet: Fleet;
  /** Opens a new source, which the desk closes. */
  openSource: OpenSource;
  knownDocument(digest: string): Buffer | undefined;
  readAhead(blob: AheadBlob): Promise<void>;
  clock: Clock;
  log: Logger;
}

/** Harbor's client waits 30 s for the answer to its POST, and then nobody would poll for what was ordered. */
const LOOK_MS = 25_000;

interface Desk {
  deps: PreheatDeps;
  options: PreheatOptions;
  registryOf: HarborOptions['registryOf'];
  /** Orders that are looked up now, so that the same one at the same time is one. */
  placing: Map<string, Promise<Preheat>>;
  /** When those of this process began, by the clock that nobody sets. */
  begunAtMs: Map<number, number>;
}

export function createPreheatDesk(
  deps: PreheatDeps,
  { preheat: options, registryOf }: { preheat: PreheatOptions; registryOf: HarborOptions['registryOf'] },
): PreheatDesk {
  const desk: Desk = { deps, options, registryOf, placing: new Map(), begunAtMs: new Map() };
  return {
    order: async (order) => outcomeOf(desk, await placeOnce(desk, order)),
    outcome: (id) => {
      const preheat = Number.isSafeInteger(id) ? deps.store.get(id) : undefined;
      return preheat ? outcomeOf(desk, preheat) : outcomeOfNobody(Number.isSafeInteger(id) ? id : 0, deps.clock.now());
    },
    resume: () => {
      for (const preheat of deps.store.pending()) readForSeeders(desk, preheat);
    },
  };
}

function placeOnce(desk: Desk, order: PreheatOrder): Promise<Preheat> {
  const call = JSON.stringify([order.url, order.seedersOnly, order.clusters]);
  const placing = desk.placing.get(call) ?? place(desk, order).finally(() => desk.placing.delete(call));
  desk.placing.set(call, placing);
  return placing;
}

async function place(desk: Desk, order: PreheatOrder): Promise<Preheat> {
  const { clock } = desk.deps;
  const reference = referenceOf(desk, order);
  const hosts = selectorsOf(desk, order.clusters);
  const limit = new AbortController();
  const stop = clock.after(LOOK_MS, () => limit.abort());
  let source: ImageSource | undefined;
  try {
    source = await look(desk, reference, { authorization: order.authorization, signal: limit.signal });
    return await placeFrom(desk, source, { order, reference, hosts });
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    const text = `${reference.registry}: has not sent the manifests within ${LOOK_MS / 1000} s. Try again later.`;
    throw new RegistryError('UNREACHABLE', text, { cause: error });
  } finally {
    stop();
    await source?.close();
  }
}

interface Placing {
  order: PreheatOrder;
  reference: Reference;
  hosts: string[] | undefined;
}

async function placeFrom(desk: Desk, source: ImageSource, { order, reference, hosts }: Placing): Promise<Preheat> {
  const { url, seedersOnly, clusters } = order;
  const { digest } = await source.resolve(reference);
  const orderKey = JSON.stringify([formatReference(reference), digest, seedersOnly, clusters]);
  const running = stillRunning(desk, orderKey);
  if (running && !isLate(desk, running)) return running;
  const made = running ?? (await make(desk, { reference, hosts, source, seedersOnly }));
  return keep(desk, { orderKey, url, clusters, jobId: made.jobId, blobs: made.blobs });
}

function referenceOf(desk: Desk, { address, repository, tag, digest }: PreheatOrder): Reference {
  const registry = desk.registryOf(address);
  if (registry === undefined) throw new TrackerError('UNKNOWN_REGISTRY', address);
  return parseReference(`${registry}/${repository}${tag === undefined ? `@${digest}` : `:${tag}`}`);
}

function selectorsOf({ options }: Desk, clusters: readonly number[]): string[] | undefined {
  if (clusters.length === 0) return undefined;
  return clusters.map((id) => {
    const selector = options.clusters[id];
    if (selector === undefined) throw new TrackerError('UNKNOWN_CLUSTER', String(id));
    return selector;
  });
}

interface Look {
  authorization: string | undefined;
  signal: AbortSignal;
}

/** Harbor's token is of its task's beginning and may have ended in a queue: then the tracker reads with its own account. */
async function look({ deps }: Desk, reference: Reference, { authorization, signal }: Look): Promise<ImageSource> {
  const open = async (as?: string) => {
    const source = await deps.openSource(reference.registry, as);
    signal.addEventListener('abort', () => void source.close());
    return rememberingSource(source);
  };
  if (authorization === undefined) return open();
  const given = await open(authorization);
  try {
    await given.resolve(reference, signal);
    return given;
  } catch (error) {
    await given.close();
    const isRefused = error instanceof RegistryError && (error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN');
    if (isRefused) return open();
    throw error;
  }
}

interface Making {
  reference: Reference;
  hosts: string[] | undefined;
  source: ImageSource;
  seedersOnly: boolean;
}

async function make({ deps }: Desk, { reference, hosts, source, seedersOnly }: Making) {
  if (!seedersOnly) {
    const request = { images: [formatReference(reference)], ...(hosts && { hosts }) };
    const { id } = await deps.jobs.create(request, async () => source);
    return { jobId: id, blobs: [] };
  }
  const platforms = deps.fleet.select(hosts).map(({ platform }) => platform);
  if (platforms.length === 0) throw new TrackerError('NO_HOSTS', 'seeders read what hosts will need; no host is known');
  const blobs = await blobsAhead(reference, { source, platforms, knownDocument: deps.knownDocument });
  if (blobs.length === 0) throw new TrackerError('NO_PLATFORM', formatReference(reference));
  return { jobId: null, blobs: blobs.map((one) => ({ source: one, jobId: '' })) };
}

function keep(desk: Desk, made: Pick<Preheat, 'orderKey' | 'url' | 'clusters' | 'jobId' | 'blobs'>): Preheat {
  const { store, clock, log } = desk.deps;
  const nowMs = clock.now();
  const { orderKey, url, clusters, jobId, blobs } = made;
  const preheat = store.insert({
    ...{ orderKey, url, clusters, jobId, blobs, state: 'PENDING', error: '' },
    ...{ createdAtMs: nowMs, updatedAtMs: nowMs },
  });
  desk.begunAtMs.set(preheat.id, clock.uptime());
  log.info({ preheat: preheat.id, jobId, foreign: url, clusters }, 'Harbor ordered a preheat');
  if (jobId === null) readForSeeders(desk, preheat);
  return preheat;
}

function readForSeeders({ deps }: Desk, { id, blobs }: Preheat): void {
  const { store, clock, log, readAhead } = deps;
  const end = (state: 'SUCCESS' | 'FAILURE', error = '') => {
    try {
      store.end(id, { state, error, nowMs: clock.now() });
    } catch (failure) {
      log.error({ preheat: id, err: failure }, 'the end of a preheat is not saved');
    }
  };
  void Promise.all(blobs.map(readAhead)).then(
    () => end('SUCCESS'),
    (error: Error & { code?: string }) => {
      if (error.code === 'STOPPING') return; // the next start goes on with it
      log.warn({ preheat: id, code: error.code, foreign: error.message }, 'seeders cannot read what Harbor ordered');
      end('FAILURE', error.message);
    },
  );
}

/** What has the same order and is not over. */
function stillRunning(desk: Desk, orderKey: string): Preheat | undefined {
  const preheat = desk.deps.store.latest(orderKey);
  if (!preheat) return undefined;
  if (preheat.jobId === null) return preheat.state === 'PENDING' ? preheat : undefined;
  const job = jobOf(desk, preheat.jobId);
  return job && job.finishedAt === undefined ? preheat : undefined;
}

function outcomeOf(desk: Desk, preheat: Preheat): PreheatOutcome {
  const { fleet, clock } = desk.deps;
  const facts = { isLate: isLate(desk, preheat), nowMs: clock.now() };
  if (preheat.jobId === null) return outcomeOfSeeders(preheat, fleet.seeders(preheat.blobs), facts);
  const job = jobOf(desk, preheat.jobId);
  if (!job) return outcomeOfNobody(preheat.id, facts.nowMs);
  const clusterOf = clustersOf(desk, preheat.clusters);
  return outcomeOfJob(preheat, job, { ...facts, clusterOf, addressOf: fleet.addressOf });
}

function jobOf({ deps }: Desk, id: string): JobView | undefined {
  try {
    return deps.jobs.view(id);
  } catch (error) {
    if (error instanceof TrackerError && error.code === 'UNKNOWN_JOB') return undefined;
    throw error;
  }
}

/** A host of several clusters is shown in the first. */
function clustersOf({ deps, options }: Desk, ids: readonly number[]): (peerId: string) => number {
  const members = ids.map((id) => ({ id, peers: new Set(peersOf(deps.fleet, options.clusters[id])) }));
  return (peerId) => members.find(({ peers }) => peers.has(peerId))?.id ?? ids[0] ?? DEFAULT_CLUSTER;
}

function peersOf(fleet: Fleet, selector: string | undefined): string[] {
  return selector === undefined ? [] : fleet.select([selector]).map(({ peerId }) => peerId);
}

/** Of one from before a restart only the date is known. */
function isLate({ deps, options, begunAtMs }: Desk, { id, createdAtMs }: Preheat): boolean {
  const begun = begunAtMs.get(id);
  const elapsedMs = begun === undefined ? deps.clock.now() - createdAtMs : deps.clock.uptime() - begun;
  return elapsedMs >= options.answerAfterMs;
}
