/**
 * The seeder's reading of a blob from its registry, once: piece by piece into the store, each hash
 * published as it comes, the blob's own digest computed on the way. The last piece is held back
 * until the digest is right, so that nobody completes a wrong blob.
 */
import { createHash, type Hash } from 'node:crypto';
import { digestAlgorithm, digestHex, parseDigest } from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import { pieceSize } from '@shoal/swarm';
import type { AgentMessage, SeedSource } from '@shoal/tracker/client';
import { AgentError } from '../errors.ts';
import type { PieceMemory } from '../store/piece-memory.ts';
import type { DownloadScheduler } from './download-scheduler.ts';
import type { SwarmRunner } from './swarm-runner.ts';

export interface OriginReaderOptions {
  runner: SwarmRunner;
  source: ImageSource;
  seed: SeedSource;
  memory: PieceMemory;
  downloads: DownloadScheduler;
  send(message: AgentMessage): void;
  onBytes(bytes: number): void;
  signal: AbortSignal;
}

interface Pending {
  piece: number;
  memory: SharedArrayBuffer;
  bytes: Uint8Array;
  filled: number;
}

/** Pieces being hashed and written while the next ones are read. */
const PIECES_AHEAD = 4;

/** Resolves when the blob is complete and published; throws the registry's error or a digest mismatch. */
export async function readOrigin(options: OriginReaderOptions): Promise<void> {
  const reader = new OriginReader(options);
  await reader.run().finally(() => reader.settled());
}

class OriginReader {
  readonly #options: OriginReaderOptions;
  readonly #hash: Hash;
  readonly #stored: Promise<void>[] = [];
  #originBytes = 0;
  /** Hashes leave in order, whatever order the workers finish in. */
  #published: Promise<void> = Promise.resolve();

  constructor(options: OriginReaderOptions) {
    this.#options = options;
    this.#hash = createHash(digestAlgorithm(options.runner.blob.digest));
  }

  async run(): Promise<void> {
    const { blob } = this.#options.runner;
    const offset = await this.#hashHeldPrefix();
    if (offset > 0) this.#publishKnown();
    let pending: Pending | undefined;
    for await (const chunk of this.#chunks(offset)) {
      for (let done = 0; done < chunk.length; ) {
        pending ??= this.#startPiece((offset + this.#originBytes - chunk.length + done) / blob.pieceLength);
        const length = pieceSize(pending.piece, blob.size, blob.pieceLength);
        const part = chunk.subarray(done, done + length - pending.filled);
        pending.bytes.set(part, pending.filled);
        pending.filled += part.length;
        done += part.length;
        if (pending.filled < length) continue;
        await this.#pieceRead(pending);
        pending = undefined;
      }
    }
    if (blob.size === 0) this.#checkDigest();
    await Promise.all(this.#stored);
    await this.#published;
  }

  /** Pieces under way when the reading failed are stored and published, or have failed. */
  async settled(): Promise<void> {
    await this.#published.catch(() => {});
  }

  async *#chunks(offset: number): AsyncGenerator<Uint8Array> {
    const { source, seed, signal, downloads, onBytes, runner } = this.#options;
    if (offset === runner.blob.size) return;
    const descriptor = { ...seed.descriptor, digest: parseDigest(seed.descriptor.digest) };
    for await (const chunk of source.readBlob(seed.repository, descriptor, { offset, signal })) {
      await downloads.take(chunk.length, signal);
      this.#originBytes += chunk.length;
      onBytes(chunk.length);
      yield chunk;
    }
  }

  /** What an earlier reading left on disk counts for the digest and is not read again. */
  async #hashHeldPrefix(): Promise<number> {
    const { blob } = this.#options.runner;
    let piece = 0;
    for (; piece < blob.held.length && blob.held.has(piece) && piece < blob.hashCount; piece++) {
      const bytes = Buffer.allocUnsafe(pieceSize(piece, blob.size, blob.pieceLength));
      await blob.read(piece * blob.pieceLength, bytes);
      this.#hash.update(bytes);
    }
    if (piece === blob.held.length && blob.size > 0) this.#checkDigest();
    return Math.min(blob.size, piece * blob.pieceLength);
  }

  #publishKnown(): void {
    const { runner, send } = this.#options;
    const hashes = runner.blob.hashes;
    if (hashes.length === 0) return;
    send({ type: 'publish', swarm: runner.swarmId, first: 0, hashes: hashes.toString('base64'), originBytes: 0 });
  }

  #startPiece(piece: number): Pending {
    const memory = this.#options.memory.take(this.#options.runner.blob.pieceLength);
    return { piece, memory, bytes: new Uint8Array(memory), filled: 0 };
  }

  async #pieceRead(pending: Pending): Promise<void> {
    const { blob } = this.#options.runner;
    this.#hash.update(pending.bytes.subarray(0, pending.filled));
    if (pending.piece === blob.held.length - 1) {
      await Promise.all(this.#stored);
      this.#checkDigest();
    }
    this.#stored.push(this.#store(pending));
    if (this.#stored.length >= PIECES_AHEAD) await this.#stored.shift();
  }

  #store({ piece, memory }: Pending): Promise<void> {
    const { runner, send, memory: pool } = this.#options;
    const originBytes = this.#originBytes;
    const hashed = runner.blob.storeOriginPiece(piece, memory).finally(() => pool.give(memory));
    const published = Promise.all([hashed, this.#published]).then(([hash]) => {
      runner.originPieceStored(piece, hash);
      send({ type: 'publish', swarm: runner.swarmId, first: piece, hashes: hash.toString('base64'), originBytes });
    });
    published.catch(() => {}); // awaited later; not to be "unhandled" meanwhile
    this.#published = published;
    return published;
  }

  #checkDigest(): void {
    const { blob } = this.#options.runner;
    const actual = this.#hash.digest('hex');
    if (actual === digestHex(blob.digest)) return;
    throw new AgentError(
      'DIGEST_MISMATCH',
      `${blob.digest} came from ${this.#options.seed.registry} with the digest ${actual}; push the image again`,
    );
  }
}
