/**
 * The swarms of this agent, by id and by digest: opened when the tracker says `joined` or `seed`,
 * fed with its hashes and neighbours, joined again after a reconnect. Decides when a blob is
 * there or lost for whoever waits for it; the moving of bytes is the runner's.
 */
import { type Digest, parseDigest } from '@shoal/oci';
import { CLASSES, type TrafficClass } from '@shoal/swarm';
import {
  type AgentMessage,
  type AgentMessageOf,
  MAX_LEASE_PIECES,
  MAX_REPLACED,
  type Pull,
  type SessionError,
  type TrackerMessageOf,
} from '@shoal/tracker/client';
import type { Logger } from 'pino';
import { AgentError } from '../errors.ts';
import type { BlobFile } from '../store/blob-file.ts';
import type { BlobStore } from '../store/blob-store.ts';
import { type Promised, promised, waitForAbort } from './promised.ts';
import { type SwarmContext, SwarmRunner } from './swarm-runner.ts';

export interface SwarmsOptions {
  context: SwarmContext;
  store: BlobStore;
  logger: Logger;
  send(message: AgentMessage): void;
  isSeeder(): boolean;
  onNeighbours(names: Iterable<{ peerId: string; name: string }>): void;
  /** A swarm is open, or its torrent known: peers may be waiting for it. */
  onOpened(): void;
  /** A blob came in whole from peers. */
  onComplete(blob: BlobFile): void;
}

/** Who waits for a blob, and what gives it the right: a job, or a pull that the tracker has the registry confirm. */
export interface Waiter {
  jobId?: string;
  pull?: Pull;
  /** The most urgent of all that wait is the swarm's. Default: `prewarm`. */
  class?: TrafficClass;
}

/** A blob that comes in. */
export interface Coming {
  blob: BlobFile;
  /** Resolves when it is whole, rejects when it will not come. */
  ended: Promise<void>;
}

interface Fetch {
  digest: Digest;
  /** The tracker let us in, and the file is open. */
  opened: Promised<BlobFile>;
  /** All that wait for it: the first one's right is shown to the tracker. */
  waiters: Waiter[];
  request: number;
  promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export class Swarms {
  readonly #options: SwarmsOptions;
  readonly #runners = new Map<string, SwarmRunner>();
  readonly #fetches = new Map<Digest, Fetch>();
  readonly #reported = new Map<string, number>();
  #requests = 0;

  constructor(options: SwarmsOptions) {
    this.#options = options;
  }

  runner(swarmId: string): SwarmRunner | undefined {
    return this.#runners.get(swarmId);
  }

  runnerOf(digest: Digest): SwarmRunner | undefined {
    return [...this.#runners.values()].find((runner) => runner.blob.digest === digest);
  }

  get runners(): SwarmRunner[] {
    return [...this.#runners.values()];
  }

  /**
   * Resolves when the whole blob is verified on disk. Concurrent calls share one fetch, which goes on
   * until the last of them has aborted; what is on disk then stays.
   */
  async fetch(digest: Digest, waiter: Waiter, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#options.store.get(digest)?.complete) return;
    const fetch = this.#fetches.get(digest) ?? createFetch(digest);
    fetch.waiters.push(waiter);
    this.runnerOf(digest)?.setClass(classOf(fetch));
    if (!this.#fetches.has(digest)) {
      this.#fetches.set(digest, fetch);
      this.#join(fetch);
    }
    const aborted = waitForAbort(signal);
    try {
      await Promise.race([fetch.promise, aborted.promise]);
    } finally {
      aborted.forget();
      if (signal?.aborted) this.#unwant(fetch, waiter);
    }
  }

  /** Resolves when a blob that is being fetched lacks no more than so many bytes, or is fetched no longer. */
  async nearlyThere(digest: Digest, lackingBytes: number, signal: AbortSignal): Promise<void> {
    const fetch = this.#fetches.get(digest);
    const nearly = fetch?.opened.promise.then((blob) => blob.whenLacking(lackingBytes, signal));
    await Promise.race([nearly, fetch?.promise]).catch(() => {}); // why it failed is told to whoever fetches it
  }

  isFetching(digest: Digest): boolean {
    return this.#fetches.has(digest);
  }

  /**
   * Fetches for a person until the signal: what a job fetches already is a pull's from now on. Resolves as soon as the
   * swarm is joined. Rejects with the tracker's refusal, whose code says why.
   */
  async pull(digest: Digest, pull: Pull, signal: AbortSignal): Promise<Coming> {
    const ended = this.fetch(digest, { pull, class: 'pull' }, signal);
    ended.catch(() => {}); // whoever reads it sees
    const fetch = this.#fetches.get(digest);
    if (fetch === undefined) await ended;
    const blob = fetch === undefined ? this.#options.store.get(digest) : await fetch.opened.promise;
    if (blob === undefined) throw new AgentError('ABORTED', `${digest} is gone`);
    return { blob, ended };
  }

  /** Clients that read the blob in order wait for these pieces. */
  setReading(digest: Digest, pieces: readonly number[]): void {
    this.runnerOf(digest)?.setReading(pieces);
  }

  /** Stops waiting for a blob; what is on disk stays. */
  abandon(digest: Digest, error: unknown): void {
    const fetch = this.#fetches.get(digest);
    this.#fetches.delete(digest);
    fetch?.reject(error);
    fetch?.opened.reject(error);
  }

  /** After every welcome: the tracker forgets membership when it restarts. */
  sayAll(): void {
    const { store, send } = this.#options;
    this.#reported.clear();
    const blobs = store.list().map(claimOf);
    if (blobs.length > 0) send({ type: 'cached', blobs });
    for (const fetch of this.#fetches.values()) this.#join(fetch);
  }

  /** Tells the tracker how far each swarm is; called once a second and at completion. */
  reportHave(): void {
    for (const runner of this.#runners.values()) this.#reportHave(runner);
  }

  async joined(message: TrackerMessageOf<'joined'>): Promise<void> {
    const digest = parseDigest(message.digest);
    // The answer to what was said of a blob that is gone since.
    if (message.request === 0 && this.#options.store.get(digest) === undefined)
      return this.#options.send({ type: 'leave', swarm: message.swarm });
    try {
      const runner = await this.#open(message, this.#options.isSeeder() ? 'seeder' : 'agent');
      this.#options.onNeighbours(message.neighbours);
      this.#reportHave(runner);
      const fetch = this.#fetches.get(digest);
      if (message.request === 0) return;
      if (fetch === undefined) return this.#leave(runner); // nobody waits for it any more
      fetch.opened.resolve(runner.blob);
      runner.setClass(classOf(fetch));
      if (runner.blob.complete) this.#completed(runner);
      else runner.want(message.neighbours);
    } catch (error) {
      this.abandon(digest, error);
    }
  }

  joinRefused({ request, error }: TrackerMessageOf<'joinRefused'>): void {
    const fetch = [...this.#fetches.values()].find((candidate) => candidate.request === request);
    if (fetch !== undefined) this.abandon(fetch.digest, fromTracker(error));
  }

  neighbours(message: TrackerMessageOf<'neighbours'>): void {
    this.#options.onNeighbours(message.neighbours);
    this.#runners.get(message.swarm)?.addNeighbours(message.neighbours);
  }

  /** Pieces with other hashes are of a reading that was retracted while this host was away: the blob is begun anew. */
  async hashes({ swarm, first, hashes }: TrackerMessageOf<'hashes'>): Promise<void> {
    const runner = this.#runners.get(swarm);
    if (runner === undefined) return;
    const bytes = Buffer.from(hashes, 'base64');
    if (!runner.blob.contradicts(first, bytes)) return runner.addHashes(first, bytes);
    await this.forget(runner.blob.digest);
    const fetch = this.#fetches.get(runner.blob.digest);
    if (fetch !== undefined) this.#join(fetch);
  }

  /** The bytes on disk are wrong, or others need the room: the tracker learns that they are not here any more. */
  async forget(digest: Digest): Promise<void> {
    const { store, send } = this.#options;
    const [runner, blob] = [this.runnerOf(digest), store.get(digest)];
    try {
      await (runner === undefined ? store.remove(digest) : this.drop(runner));
    } finally {
      if (runner !== undefined) {
        this.#reported.delete(runner.swarmId);
        send({ type: 'leave', swarm: runner.swarmId });
      } else if (blob !== undefined)
        send({ type: 'cached', blobs: [{ ...claimOf(blob), pieces: 0, complete: false }] });
    }
  }

  /** The blob came from elsewhere and is whole: the tracker learns that it can be had here. */
  offer(blob: BlobFile): void {
    if (this.runnerOf(blob.digest) === undefined) this.#options.send({ type: 'cached', blobs: [claimOf(blob)] });
    else this.reportHave();
  }

  foreign({ swarm, infoHash, peers }: TrackerMessageOf<'foreign'>): void {
    this.#runners.get(swarm)?.setForeign(infoHash, peers);
    this.#options.onOpened();
  }

  /** The swarm of a torrent's info hash, for a client on a host that the tracker knows. */
  foreignRunner(infoHash: string, host: string): SwarmRunner | undefined {
    return this.runners.find((runner) => runner.admitsForeign(infoHash, host));
  }

  /** The hashes a torrent needs, of a blob held whole; empty when this agent cannot. */
  async sha1({ swarm }: TrackerMessageOf<'sha1'>): Promise<void> {
    const blob = this.#runners.get(swarm)?.blob;
    const hashes = blob?.complete ? await blob.sha1OfPieces().catch(() => undefined) : undefined;
    this.#options.send({ type: 'sha1Hashes', swarm, hashes: hashes?.toString('base64') ?? '' });
  }

  leased({ swarm, granted, refused }: TrackerMessageOf<'leased'>): void {
    this.#runners.get(swarm)?.leased(granted, refused);
  }

  ticket({ swarm, ticket }: TrackerMessageOf<'ticket'>): void {
    this.#runners.get(swarm)?.setTicket(ticket);
  }

  /** The tracker gave the blob up. Only wrong bytes are thrown away; what was verified of others stays. */
  async retract({ swarm, digest: text, error }: TrackerMessageOf<'retract'>): Promise<void> {
    const digest = parseDigest(text);
    this.#options.logger.warn(
      { event: 'blob retracted', digest, code: error.code, untrusted: error.text },
      'blob retracted',
    );
    this.#runners.get(swarm)?.stop('retracted');
    this.#runners.delete(swarm);
    if (WRONG_BYTES.has(error.code)) await this.#options.store.remove(digest);
    this.abandon(digest, fromTracker(error));
  }

  /** Opens the swarm for the seeder role; the origin reader fills the blob, together with peers when it leads others. */
  async seed(message: TrackerMessageOf<'seed'>): Promise<SwarmRunner> {
    const runner = await this.#open(message, 'seeder');
    if (message.shared === 'lead' && !runner.blob.complete) {
      runner.setClass(message.class);
      runner.want([]);
    }
    return runner;
  }

  async drop(runner: SwarmRunner): Promise<void> {
    runner.stop('dropped');
    this.#runners.delete(runner.swarmId);
    await this.#options.store.remove(runner.blob.digest);
  }

  stop(): void {
    for (const runner of this.#runners.values()) runner.stop('agent stops');
    for (const { digest } of [...this.#fetches.values()])
      this.abandon(digest, new AgentError('ABORTED', 'the agent is stopping'));
  }

  async #open(facts: OpenFacts, role: 'seeder' | 'agent'): Promise<SwarmRunner> {
    const { store, context } = this.#options;
    const digest = parseDigest(facts.digest);
    const hashes = Buffer.from(facts.hashes, 'base64');
    if (store.get(digest)?.contradicts(0, hashes)) await this.forget(digest);
    const blob = await store.open({ digest, size: facts.size, pieceLength: facts.pieceLength });
    const known = this.#runners.get(facts.swarm);
    if (known !== undefined) {
      known.setTicket(facts.ticket);
      known.addHashes(0, hashes);
      return known;
    }
    blob.addHashes(0, hashes);
    const runner = new SwarmRunner({
      swarmId: facts.swarm,
      blob,
      role,
      ticket: facts.ticket,
      context,
      askTracker: (ask) =>
        this.#options.send(
          ask.type === 'replace'
            ? replaceMessage(facts.swarm, ask.peers)
            : leaseMessage(facts.swarm, ask.pieces, ask.shown),
        ),
      onComplete: () => this.#completed(runner),
      onFailed: (error) => this.abandon(digest, error),
    });
    this.#runners.set(facts.swarm, runner);
    this.#options.onOpened();
    return runner;
  }

  #completed(runner: SwarmRunner): void {
    const { digest } = runner.blob;
    this.#reportHave(runner);
    if (runner.role === 'agent') this.#options.onComplete(runner.blob);
    this.#options.logger.info({ event: 'blob complete', digest, bytes: runner.blob.size }, 'blob complete');
    this.#fetches.get(digest)?.resolve();
    this.#fetches.delete(digest);
    if (this.#fetches.size === 0) this.#options.context.memory.trim();
  }

  #join(fetch: Fetch): void {
    fetch.request = ++this.#requests;
    const [first] = fetch.waiters;
    const { request, digest } = fetch;
    const right = first?.pull === undefined ? { jobId: first?.jobId ?? '' } : { pull: first.pull };
    this.#options.send({ type: 'join', request, digest, ...right });
  }

  /** When nobody waits any more this host is no leecher: it leaves, and says what it can serve. */
  #unwant(fetch: Fetch, waiter: Waiter): void {
    fetch.waiters.splice(fetch.waiters.indexOf(waiter), 1);
    if (this.#fetches.get(fetch.digest) !== fetch) return;
    const runner = this.runnerOf(fetch.digest);
    if (fetch.waiters.length > 0) return runner?.setClass(classOf(fetch));
    this.#fetches.delete(fetch.digest);
    fetch.opened.reject(new AgentError('ABORTED', `nobody waits for ${fetch.digest} any more`));
    if (runner !== undefined) this.#leave(runner);
  }

  /** It stays among those that can serve what is here. */
  #leave(runner: SwarmRunner): void {
    runner.rest();
    this.#options.send({ type: 'leave', swarm: runner.swarmId });
    this.#reported.delete(runner.swarmId);
    this.#options.send({ type: 'cached', blobs: [claimOf(runner.blob)] });
  }

  #reportHave({ swarmId, blob }: SwarmRunner): void {
    if (this.#reported.get(swarmId) === blob.held.count) return;
    this.#reported.set(swarmId, blob.held.count);
    this.#options.send({ type: 'have', swarm: swarmId, pieces: blob.held.count, complete: blob.complete });
  }
}

/** What does not fit has to wait for the next time: a host has few leases at once. */
function leaseMessage(swarm: string, all: readonly number[], shown: readonly number[]): AgentMessageOf<'lease'> {
  const pieces = all.slice(0, MAX_LEASE_PIECES);
  return { type: 'lease', swarm, pieces, shown: shown.filter((piece) => pieces.includes(piece)) };
}

/** The newest of them; foreign clients are the agent's own affair. */
function replaceMessage(swarm: string, all: readonly string[]): AgentMessageOf<'replace'> {
  return { type: 'replace', swarm, peers: all.filter((id) => PEER_ID.test(id)).slice(-MAX_REPLACED) };
}

const PEER_ID = /^[0-9a-f]{40}$/;

/** The codes with which the tracker retracts bytes that are wrong for everybody. */
const WRONG_BYTES: ReadonlySet<string> = new Set(['DIGEST_MISMATCH', 'HASH_CONFLICT']);

type OpenFacts = Pick<TrackerMessageOf<'seed'>, 'swarm' | 'digest' | 'size' | 'pieceLength' | 'hashes' | 'ticket'>;

function claimOf({ digest, size, held, complete }: BlobFile): AgentMessageOf<'cached'>['blobs'][number] {
  return { digest, size, pieces: held.count, complete };
}

/** A pre-warm under way becomes a pull's when a person waits for the blob, too. */
function classOf({ waiters }: Fetch): TrafficClass {
  return CLASSES.find((wanted) => waiters.some((waiter) => (waiter.class ?? 'prewarm') === wanted)) ?? 'prewarm';
}

function createFetch(digest: Digest): Fetch {
  return { digest, waiters: [], request: 0, opened: promised<BlobFile>(), ...promised<void>() };
}

/** The tracker's error with its own code. */
export function fromTracker(error: SessionError): Error {
  return Object.assign(new Error(error.text), { code: error.code, retryable: error.retryable });
}
