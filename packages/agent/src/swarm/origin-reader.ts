/**
 * A seeder's reading of a blob from its registry: stretch by stretch as the tracker hands them out,
 * piece by piece into the store, each hash published as it comes. One seeder leads: it computes the
 * blob's own digest, gets what the others read through the swarm, and holds the last piece back until
 * the digest is right, so that nobody completes a wrong blob.
 */
import { digestHex, parseDigest } from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import { pieceSize } from '@shoal/swarm';
import type { AgentMessage, JobClass, SeedSource, Stretch } from '@shoal/tracker/client';
import { AgentError } from '../errors.ts';
import type { BlobFile } from '../store/blob-file.ts';
import type { PieceMemory } from '../store/piece-memory.ts';
import { BlobDigest } from './blob-digest.ts';
import type { DownloadScheduler } from './download-scheduler.ts';

/** Where the pieces go: a swarm, or a blob that no swarm is told of. */
export interface OriginTarget {
  readonly swarmId: string;
  readonly blob: BlobFile;
  readonly stopped: boolean;
  onProgress: (() => void) | undefined;
  originPieceStored(piece: number, hash: Uint8Array): void;
}

export interface OriginReaderOptions {
  runner: OriginTarget;
  seed: SeedSource;
  /** What the reading is for. */
  class: JobClass;
  memory: PieceMemory;
  downloads: DownloadScheduler;
  send(message: AgentMessage): void;
  onBytes(bytes: number): void;
  /** Nobody hands out stretches now: who leads reads what is missing. Default: never. */
  isAlone?(): boolean;
  signal: AbortSignal;
}

export type OriginSource = Pick<ImageSource, 'readBlob'>;

interface PieceInMemory {
  piece: number;
  memory: SharedArrayBuffer;
  bytes: Uint8Array;
  filled: number;
}

const HASH_BYTES = 32;
/** Pieces being hashed and written while the next ones are read. */
const PIECES_AHEAD = 4;
/** Read back for the digest after each piece of the origin, so that little is left at the end. */
const FOLLOW_PIECES = 8;
/** Read alone before it is looked again what came from the others meanwhile. */
const ALONE_BYTES = 4 * 1024 * 1024;

export class OriginReader {
  readonly runner: OriginTarget;
  readonly #options: OriginReaderOptions;
  readonly #stretches: Stretch[] = [];
  readonly #digest: BlobDigest;
  /** Of pieces read here: behind a gap the store does not keep them. */
  readonly #hashes = new Map<number, Buffer>();
  /** Also those that are still being written, or held back. */
  readonly #read = new Set<number>();
  readonly #stored: Promise<void>[] = [];
  #leads = false;
  #originBytes = 0;
  /** Hashes leave in order, whatever order the workers finish in. */
  #published: Promise<void> = Promise.resolve();
  #last: PieceInMemory | undefined;
  #released = false;
  #changed = false;
  #wake = (): void => {};

  constructor(options: OriginReaderOptions) {
    this.#options = options;
    this.runner = options.runner;
    this.#digest = new BlobDigest(options.runner.blob);
    options.runner.onProgress = this.#somethingChanged;
    options.signal.addEventListener('abort', this.#somethingChanged, { once: true });
  }

  /** From now on it answers for the digest of the whole blob. */
  lead(): void {
    this.#leads = true;
    this.#somethingChanged();
  }

  read(stretch: Stretch): void {
    this.#stretches.push(stretch);
    this.#somethingChanged();
  }

  /** Nothing more will be asked of it. */
  release(): void {
    this.#released = true;
    this.#somethingChanged();
  }

  /** The tracker is gone or back. */
  lookAgain(): void {
    this.#somethingChanged();
  }

  /** All that is known here: a lost session may have eaten hashes, and later ones need those before them. */
  publishAgain(): void {
    const { hashes, hashCount } = this.runner.blob;
    if (hashCount > 0) this.#publish(0, hashes);
    for (const [piece, hash] of this.#hashes) if (piece >= hashCount) this.#publish(piece, hash);
  }

  /**
   * Resolves when the blob is complete and published, for one that does not lead: when it is released.
   * Throws the registry's error or a digest mismatch.
   */
  async run(source: OriginSource): Promise<void> {
    try {
      for (;;) {
        this.#options.signal.throwIfAborted();
        this.#changed = false;
        const stretch = this.#stretches.shift() ?? this.#nextAlone();
        if (stretch !== undefined) await this.#readStretch(source, stretch);
        else if (await this.#isThrough()) return;
        else if (!this.#changed) await this.#change();
      }
    } finally {
      this.runner.onProgress = undefined;
      this.#options.signal.removeEventListener('abort', this.#somethingChanged);
      // Pieces under way when the reading failed are stored and published, or have failed.
      await this.#published.catch(() => {});
    }
  }

  readonly #somethingChanged = (): void => {
    this.#changed = true;
    this.#wake();
  };

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Others may still read what they were handed last: that comes from the swarm, and is not read again then. */
  #nextAlone(): Stretch | undefined {
    const { held, pieceLength } = this.runner.blob;
    if (!this.#leads || this.runner.stopped || this.#options.isAlone?.() !== true) return undefined;
    let first = 0;
    while (first < held.length && this.#isHere(first)) first++;
    const most = first + Math.max(1, Math.floor(ALONE_BYTES / pieceLength));
    let end = first;
    while (end < Math.min(most, held.length) && !this.#isHere(end)) end++;
    return end > first ? { first, count: end - first } : undefined;
  }

  #isHere(piece: number): boolean {
    return this.#read.has(piece) || this.runner.blob.held.has(piece);
  }

  async #isThrough(): Promise<boolean> {
    const { blob, stopped } = this.runner;
    await Promise.all(this.#stored.splice(0));
    await this.#published;
    if (stopped || !this.#leads) return stopped || this.#released;
    await this.#digest.follow();
    if (this.#last?.piece === this.#digest.next) await this.#storeLast(this.#last);
    else if (this.#digest.next === blob.held.length) this.#checkDigest();
    else return false;
    this.#closeGaps();
    return true;
  }

  /** What was read behind a gap has its hash now: without it a restarted agent would not believe the piece. */
  #closeGaps(): void {
    const { blob } = this.runner;
    for (let piece = blob.hashCount; this.#hashes.has(piece); piece++)
      blob.addHashes(piece, this.#hashes.get(piece) as Buffer);
  }

  async #storeLast(last: PieceInMemory): Promise<void> {
    this.#digest.offer(last.piece, last.bytes.subarray(0, last.filled));
    this.#checkDigest();
    this.#last = undefined;
    await this.#store(last);
  }

  /** What is here already, from an earlier reading or from a peer, is published and not read again. */
  async #readStretch(source: OriginSource, { first, count }: Stretch): Promise<void> {
    for (let piece = first; piece < first + count; ) {
      const start = piece;
      const wasHere = this.#isHere(piece);
      while (piece < first + count && this.#isHere(piece) === wasHere) piece++;
      if (wasHere) this.#publishHeld(start, piece);
      else await this.#readPieces(source, start, piece);
    }
  }

  #publishHeld(start: number, end: number): void {
    const { hashes } = this.runner.blob;
    const known = hashes.subarray(start * HASH_BYTES, end * HASH_BYTES);
    if (known.length > 0) this.#publish(start, known);
    for (let piece = start + known.length / HASH_BYTES; piece < end; piece++) {
      const hash = this.#hashes.get(piece);
      if (hash !== undefined) this.#publish(piece, hash);
    }
  }

  async #readPieces(source: OriginSource, start: number, end: number): Promise<void> {
    const { blob } = this.runner;
    if (this.#leads && this.#digest.next < start) await this.#digest.follow();
    let pending: PieceInMemory | undefined;
    let at = start * blob.pieceLength;
    for await (const chunk of this.#chunks(source, at, Math.min(blob.size, end * blob.pieceLength))) {
      for (let done = 0; done < chunk.length; ) {
        pending ??= this.#startPiece((at + done) / blob.pieceLength);
        const length = pieceSize(pending.piece, blob.size, blob.pieceLength);
        const part = chunk.subarray(done, done + length - pending.filled);
        pending.bytes.set(part, pending.filled);
        pending.filled += part.length;
        done += part.length;
        if (pending.filled < length) continue;
        await this.#pieceRead(pending);
        pending = undefined;
      }
      at += chunk.length;
    }
  }

  async *#chunks(source: OriginSource, offset: number, end: number): AsyncGenerator<Uint8Array> {
    const { seed, signal, downloads, onBytes } = this.#options;
    const descriptor = { ...seed.descriptor, digest: parseDigest(seed.descriptor.digest) };
    for (let start = offset, stop = offset; start < end; start = stop) {
      stop = Math.min(end, start + downloads.readAtOnce(this.#options.class));
      for await (const chunk of source.readBlob(seed.repository, descriptor, { offset: start, end: stop, signal })) {
        await downloads.take(this.#options.class, chunk.length, signal);
        this.#originBytes += chunk.length;
        onBytes(chunk.length);
        yield chunk;
      }
    }
  }

  #startPiece(piece: number): PieceInMemory {
    const memory = this.#options.memory.take(this.runner.blob.pieceLength);
    return { piece, memory, bytes: new Uint8Array(memory), filled: 0 };
  }

  async #pieceRead(read: PieceInMemory): Promise<void> {
    this.#read.add(read.piece);
    if (this.#leads) {
      if (read.piece === this.runner.blob.held.length - 1) {
        this.#last = read;
        return;
      }
      this.#digest.offer(read.piece, read.bytes.subarray(0, read.filled));
      await this.#digest.follow(FOLLOW_PIECES);
    }
    this.#stored.push(this.#store(read));
    if (this.#stored.length >= PIECES_AHEAD) await this.#stored.shift();
  }

  #store({ piece, memory }: PieceInMemory): Promise<void> {
    const hashed = this.runner.blob.storeOriginPiece(piece, memory).finally(() => this.#options.memory.give(memory));
    const published = Promise.all([hashed, this.#published]).then(([hash]) => {
      this.#hashes.set(piece, hash);
      this.runner.originPieceStored(piece, hash);
      this.#publish(piece, hash);
    });
    published.catch(() => {}); // awaited later; not to be "unhandled" meanwhile
    this.#published = published;
    return published;
  }

  #publish(first: number, hashes: Buffer): void {
    const { send } = this.#options;
    const text = hashes.toString('base64');
    send({ type: 'publish', swarm: this.runner.swarmId, first, hashes: text, originBytes: this.#originBytes });
  }

  #checkDigest(): void {
    const { digest } = this.runner.blob;
    const actual = this.#digest.hex();
    if (actual === digestHex(digest)) return;
    throw new AgentError(
      'DIGEST_MISMATCH',
      `${digest} came from ${this.#options.seed.registry} with the digest ${actual}; push the image again`,
    );
  }
}
