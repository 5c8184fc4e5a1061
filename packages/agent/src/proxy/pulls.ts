/**
 * The blobs that clients of the proxy pull now, each fetched once, however many ask. It comes from the swarm when the
 * tracker lets this host in, else straight from the registry; and what the swarm does not bring in time goes on
 * straight, into the same file, so that all who wait are served by one reading. Goes on a little after the last client
 * has left: one that was cut comes back.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Digest, parseDigest } from '@shoal/oci';
import { pieceLengthFor } from '@shoal/swarm';
import type { Logger } from 'pino';
import type { BlobFile } from '../store/blob-file.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { Coming, Swarms } from '../swarm/swarms.ts';
import type { DirectReading } from './direct-reading.ts';
import type { ProxySource } from './forward.ts';
import { pieceWaitMs } from './piece-wait.ts';
import { rangeOf } from './range.ts';
import { askRegistry, type BlobRequest, mayRead } from './registry-right.ts';

export interface PullsOptions {
  swarms: Pick<Swarms, 'isFetching' | 'pull' | 'setReading'>;
  store: Pick<BlobStore, 'get' | 'open'>;
  /** Reads what is missing of a blob from its registry, from this piece on and then before it. */
  readDirectly(reading: DirectReading): Promise<void>;
  /** The download rate in force for pulls. */
  bytesPerSecond(): number;
  /** Whether there is a session with the tracker. */
  isTrackerThere(): boolean;
  logger: Logger;
  waits?: Partial<PullWaits>;
  random?: () => number;
}

/** Milliseconds. */
export interface PullWaits {
  /** For the tracker to let us in. */
  joinMs: number;
  /** For the next piece in order, before the registry is asked; longer under a cap that needs longer for it. */
  pieceMs: number;
  /** At most so long before a registry is read without a tracker: a thousand hosts lose it in the same moment. */
  jitterMs: number;
  /** After the last client has left. */
  lingerMs: number;
}

const WAITS: PullWaits = { joinMs: 3000, pieceMs: 10_000, jitterMs: 2000, lingerMs: 10_000 };

/** A blob that is here or on its way. */
export interface Pulled {
  readonly blob: BlobFile;
  /** Where bytes come from at the moment. */
  readonly source: ProxySource;
  /** Resolves when the byte is here. Rejects when neither swarm nor registry brings it. */
  whenHere(position: number): Promise<void>;
}

export interface PullStatus {
  digest: string;
  registry: string;
  repository: string;
  bytes: number;
  heldBytes: number;
  source: ProxySource;
  clients: number;
}

export interface Pulls {
  /** Until the request's signal. Undefined: only the registry can say what is to be said. */
  open(asked: BlobRequest): Promise<Pulled | undefined>;
  running(): PullStatus[];
  stop(): void;
}

interface Pull {
  asked: BlobRequest;
  clients: number;
  readonly abort: AbortController;
  lingering: NodeJS.Timeout | undefined;
  opened: Promise<BlobFile | undefined>;
  source: ProxySource;
  /** Rejects when what brings it at the moment has failed. */
  ended: Promise<void>;
  blob?: BlobFile;
  /** Pieces that clients wait for. */
  readonly waiting: Map<symbol, number>;
}

/** A client of a pull. */
interface Reader {
  digest: Digest;
  pull: Pull;
  blob: BlobFile;
  key: symbol;
  signal: AbortSignal;
}

export function createPulls(options: PullsOptions): Pulls {
  const { swarms, store, isTrackerThere, logger, random = Math.random } = options;
  const waits = { ...WAITS, ...options.waits };
  const pulls = new Map<Digest, Pull>();

  const end = (digest: Digest, pull: Pull): void => {
    clearTimeout(pull.lingering);
    if (pulls.get(digest) === pull) pulls.delete(digest);
    pull.abort.abort();
  };

  const leave = (digest: Digest, pull: Pull): void => {
    pull.clients--;
    if (pull.clients > 0) return;
    if (pull.blob === undefined || pull.blob.complete) end(digest, pull);
    else pull.lingering = setTimeout(() => end(digest, pull), waits.lingerMs);
  };

  const begin = (digest: Digest, asked: BlobRequest): Pull => {
    const pull: Pull = {
      ...{ asked, clients: 0, abort: new AbortController(), lingering: undefined, source: 'swarm', waiting: new Map() },
      ...{ opened: Promise.resolve(undefined), ended: Promise.resolve() },
    };
    pulls.set(digest, pull);
    pull.opened = openSomehow(digest, pull).then((blob) => {
      if (blob === undefined) end(digest, pull);
      pull.blob = blob;
      return blob;
    });
    pull.opened.catch(() => end(digest, pull));
    return pull;
  };

  const openSomehow = async (digest: Digest, pull: Pull): Promise<BlobFile | undefined> => {
    const { claim, rights } = pull.asked;
    if (isTrackerThere() || swarms.isFetching(digest)) {
      try {
        const { blob, ended } = await join(digest, pull);
        rights.confirm(claim);
        pull.ended = ended;
        return blob;
      } catch (error) {
        if ((error as { code?: string }).code === 'PULL_REFUSED') return undefined; // the registry's own words say why
        logger.warn({ event: 'pull without swarm', digest, err: error }, 'a pulled blob comes from its registry');
      }
    }
    // Whoever came first may leave; the others wait on.
    const size = await askRegistry({ ...pull.asked, signal: pull.abort.signal });
    if (size === undefined) return undefined;
    if (!isTrackerThere()) await delay(random() * waits.jitterMs, undefined, { signal: pull.abort.signal });
    const facts = { digest, size, pieceLength: pieceLengthFor(size) };
    const blob = store.get(digest) ?? (await store.open(facts).catch(() => undefined)); // a full disk holds no pull up
    if (blob === undefined) return undefined;
    const range = rangeOf(pull.asked.request.headers.range, size); // a client that was cut comes back in the middle
    const from = typeof range === 'object' ? Math.floor(range.start / blob.pieceLength) : 0;
    goDirect(digest, pull, { blob, from });
    return blob;
  };

  /** Rejects with the tracker's refusal, or when it does not answer in time. */
  const join = async (digest: Digest, pull: Pull): Promise<Coming> => {
    const { host: registry, repository, authorization } = pull.asked.claim;
    const left = new AbortController();
    const signal = AbortSignal.any([pull.abort.signal, left.signal]);
    const isLate = setTimeout(() => left.abort(new Error('the tracker does not answer')), waits.joinMs);
    try {
      return await swarms.pull(digest, { registry, repository, authorization }, signal);
    } finally {
      clearTimeout(isLate);
    }
  };

  const goDirect = (digest: Digest, pull: Pull, place: { blob: BlobFile; from: number }): void => {
    pull.source = 'registry';
    pull.ended = options.readDirectly({ ...place, digest, asked: pull.asked, signal: pull.abort.signal });
    pull.ended.catch(() => {}); // whoever waits for a piece sees
  };

  const waitMs = ({ pieceLength: pieceBytes }: BlobFile): number =>
    pieceWaitMs({ pieceBytes, bytesPerSecond: options.bytesPerSecond(), pulls: pulls.size }, waits.pieceMs);

  const whenHere = async ({ digest, pull, blob, key, signal }: Reader, position: number): Promise<void> => {
    const piece = Math.floor(position / blob.pieceLength);
    while (!blob.complete && !blob.held.has(piece)) {
      pull.waiting.set(key, piece);
      swarms.setReading(digest, [...new Set(pull.waiting.values())]);
      const isDirect = pull.source === 'registry';
      try {
        const late = isDirect ? [] : [AbortSignal.timeout(waitMs(blob))];
        const waiting = blob.whenHeld(piece, AbortSignal.any([signal, ...late]));
        await Promise.race([waiting, pull.ended.then(() => waiting)]);
      } catch (error) {
        if (signal.aborted || isDirect) throw error;
        if (pull.source === 'registry') continue; // another client was quicker
        logger.warn(
          { event: 'pull goes direct', digest, piece, err: error },
          'what the swarm does not bring comes from the registry',
        );
        goDirect(digest, pull, { blob, from: piece });
      }
    }
  };

  return {
    async open(asked) {
      const digest = parseDigest(asked.claim.digest);
      // The right of who came first is no right of this client.
      if ((pulls.has(digest) || swarms.isFetching(digest)) && !(await mayRead(asked))) return undefined;
      if (asked.signal.aborted) return undefined;
      const pull = pulls.get(digest) ?? begin(digest, asked);
      clearTimeout(pull.lingering);
      pull.clients++;
      const key = Symbol('client');
      asked.signal.addEventListener(
        'abort',
        () => {
          pull.waiting.delete(key);
          leave(digest, pull);
        },
        { once: true },
      );
      const blob = await pull.opened;
      if (blob === undefined) return undefined;
      const reader = { digest, pull, blob, key, signal: asked.signal };
      return {
        blob,
        get source() {
          return pull.source;
        },
        whenHere: (position) => whenHere(reader, position),
      };
    },
    running: () =>
      [...pulls].flatMap(([digest, { asked, blob, source, clients }]) =>
        blob === undefined
          ? []
          : [{ digest, ...placeOf(asked), bytes: blob.size, heldBytes: blob.bytesHeld(), source, clients }],
      ),
    stop() {
      for (const [digest, pull] of pulls) end(digest, pull);
    },
  };
}

function placeOf({ claim: { host: registry, repository } }: BlobRequest): Pick<PullStatus, 'registry' | 'repository'> {
  return { registry, repository };
}
