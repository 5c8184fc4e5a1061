/**
 * The swarms of this agent, by id and by digest: opened when the tracker says `joined` or `seed`,
 * fed with its hashes and neighbours, joined again after a reconnect. Decides when a blob is
 * there or lost for whoever waits for it; the moving of bytes is the runner's.
 */
import { type Digest, parseDigest } from '@shoal/oci';
import type { AgentMessage, SessionError, TrackerMessageOf } from '@shoal/tracker/client';
import type { Logger } from 'pino';
import { AgentError } from '../errors.ts';
import type { BlobStore } from '../store/blob-store.ts';
import { type SwarmContext, SwarmRunner } from './swarm-runner.ts';

export interface SwarmsOptions {
  context: SwarmContext;
  store: BlobStore;
  logger: Logger;
  send(message: AgentMessage): void;
  isSeeder(): boolean;
  onNeighbours(names: Iterable<{ peerId: string; name: string }>): void;
}

interface Fetch {
  digest: Digest;
  jobId: string;
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

  /** Resolves when the whole blob is verified on disk. Concurrent calls share one fetch. */
  fetch(digest: Digest, jobId: string): Promise<void> {
    if (this.#options.store.get(digest)?.complete) return Promise.resolve();
    const known = this.#fetches.get(digest);
    if (known !== undefined) return known.promise;
    const fetch = createFetch(digest, jobId);
    this.#fetches.set(digest, fetch);
    this.#join(fetch);
    return fetch.promise;
  }

  /** Stops waiting for a blob; what is on disk stays. */
  abandon(digest: Digest, error: unknown): void {
    const fetch = this.#fetches.get(digest);
    this.#fetches.delete(digest);
    fetch?.reject(error);
  }

  /** After every welcome: the tracker forgets membership when it restarts. */
  sayAll(): void {
    const { store, send } = this.#options;
    this.#reported.clear();
    const blobs = store
      .list()
      .map(({ digest, size, held, complete }) => ({ digest, size, pieces: held.count, complete }));
    if (blobs.length > 0) send({ type: 'cached', blobs });
    for (const fetch of this.#fetches.values()) this.#join(fetch);
  }

  /** Tells the tracker how far each swarm is; called once a second and at completion. */
  reportHave(): void {
    for (const runner of this.#runners.values()) this.#reportHave(runner);
  }

  async joined(message: TrackerMessageOf<'joined'>): Promise<void> {
    const digest = parseDigest(message.digest);
    try {
      const runner = await this.#open(message, this.#options.isSeeder() ? 'seeder' : 'agent');
      this.#options.onNeighbours(message.neighbours);
      this.#reportHave(runner);
      if (message.request === 0) return;
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

  hashes({ swarm, first, hashes }: TrackerMessageOf<'hashes'>): void {
    this.#runners.get(swarm)?.addHashes(first, Buffer.from(hashes, 'base64'));
  }

  ticket({ swarm, ticket }: TrackerMessageOf<'ticket'>): void {
    this.#runners.get(swarm)?.setTicket(ticket);
  }

  /** The registry's bytes were wrong: nobody keeps the blob. */
  async retract({ swarm, digest: text, error }: TrackerMessageOf<'retract'>): Promise<void> {
    const digest = parseDigest(text);
    this.#options.logger.warn(
      { event: 'blob retracted', digest, code: error.code, untrusted: error.text },
      'blob retracted',
    );
    this.#runners.get(swarm)?.stop('retracted');
    this.#runners.delete(swarm);
    await this.#options.store.remove(digest);
    this.abandon(digest, fromTracker(error));
  }

  /** Opens the swarm for the seeder role; the origin reader fills the blob. */
  seed(message: TrackerMessageOf<'seed'>): Promise<SwarmRunner> {
    return this.#open(message, 'seeder');
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
    const blob = await store.open({ digest, size: facts.size, pieceLength: facts.pieceLength });
    const known = this.#runners.get(facts.swarm);
    const hashes = Buffer.from(facts.hashes, 'base64');
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
      onComplete: () => this.#completed(runner),
      onFailed: (error) => this.abandon(digest, error),
    });
    this.#runners.set(facts.swarm, runner);
    return runner;
  }

  #completed(runner: SwarmRunner): void {
    const { digest } = runner.blob;
    this.#reportHave(runner);
    this.#options.logger.info({ event: 'blob complete', digest, bytes: runner.blob.size }, 'blob complete');
    this.#fetches.get(digest)?.resolve();
    this.#fetches.delete(digest);
  }

  #join(fetch: Fetch): void {
    fetch.request = ++this.#requests;
    this.#options.send({ type: 'join', request: fetch.request, digest: fetch.digest, jobId: fetch.jobId });
  }

  #reportHave({ swarmId, blob }: SwarmRunner): void {
    if (this.#reported.get(swarmId) === blob.held.count) return;
    this.#reported.set(swarmId, blob.held.count);
    this.#options.send({ type: 'have', swarm: swarmId, pieces: blob.held.count, complete: blob.complete });
  }
}

type OpenFacts = Pick<TrackerMessageOf<'seed'>, 'swarm' | 'digest' | 'size' | 'pieceLength' | 'hashes' | 'ticket'>;

function createFetch(digest: Digest, jobId: string): Fetch {
  const fetch = { digest, jobId, request: 0 } as Fetch;
  fetch.promise = new Promise((resolve, reject) => Object.assign(fetch, { resolve, reject }));
  fetch.promise.catch(() => {}); // whoever waits gets it; a fetch nobody waits for any more is no crash
  return fetch;
}

/** The tracker's error with its own code. */
export function fromTracker(error: SessionError): Error {
  return Object.assign(new Error(error.text), { code: error.code, retryable: error.retryable });
}
