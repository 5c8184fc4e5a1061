/**
 * One blob on disk: a data file of the blob's size and a map of the pieces that are verified. Data
 * reaches the disk before the map that claims it. One owner a blob; who asks what is not decided here.
 */
import { type FileHandle, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Digest, digestAlgorithm } from '@shoal/oci';
import { PieceSet, pieceCount, pieceSize } from '@shoal/swarm';
import { AgentError, toStoreError } from '../errors.ts';
import { encodePieceMap, type PieceMap } from './piece-map.ts';
import type { PieceWorkers } from './piece-workers.ts';
import { removeFile, replaceFile } from './replace-file.ts';
import { openWithLength } from './sized-file.ts';

export interface BlobFacts {
  digest: Digest;
  size: number;
  pieceLength: number;
}

const HASH_BYTES = 32;
const FLUSH_MS = 300;
/** Left free for the rest of the host. */
const SPARE_BYTES = 64 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** Read again after a clean stop: a disk that was swapped or overwritten shows. */
const SAMPLE_PIECES = 8;

export class BlobFile implements BlobFacts {
  readonly digest: Digest;
  readonly size: number;
  readonly pieceLength: number;
  readonly held: PieceSet;
  readonly path: string;
  #hashes: Buffer;
  readonly #file: FileHandle;
  readonly #workers: PieceWorkers;
  #flushTimer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  /** Tasks of the workers, which read and write by number of the open file: it must stay open. */
  readonly #running = new Set<Promise<string>>();
  /** Who waits for a piece, and is told of every one that is verified. */
  readonly #waiting = new Set<() => void>();
  /** Of a complete blob: pieces looked at since the file was written last. */
  #checked: { mtimeMs: number; pieces: PieceSet } | undefined;
  #closed = false;
  /** Milliseconds since the epoch; 0: not since this process began. Bytes that came or went, not checks of them. */
  lastUsedMs = 0;
  #users = 0;

  private constructor(
    map: PieceMap,
    { path, file, workers }: { path: string; file: FileHandle; workers: PieceWorkers },
  ) {
    this.path = path;
    this.digest = map.digest;
    this.size = map.size;
    this.pieceLength = map.pieceLength;
    this.#hashes = map.hashes;
    this.held = new PieceSet(pieceCount(map.size, map.pieceLength), map.held);
    this.#file = file;
    this.#workers = workers;
  }

  /**
   * A new blob: needs its size free besides what other blobs have still to write, then takes the
   * whole length at once (sparse).
   */
  static async create(
    path: string,
    facts: BlobFacts,
    room: { workers: PieceWorkers; promisedBytes: number },
  ): Promise<BlobFile> {
    const { workers, promisedBytes } = room;
    workers.wake();
    try {
      await requireSpace(path, facts.size, promisedBytes);
      // A map left from a data file that somebody deleted would speak for the new, empty one.
      await removeFile(mapPath(path));
      const file = await openWithLength(path, { flags: 'w+', length: facts.size });
      const held = Buffer.alloc(Math.ceil(pieceCount(facts.size, facts.pieceLength) / 8));
      const blob = new BlobFile({ ...facts, hashes: Buffer.alloc(0), held, clean: false }, { path, file, workers });
      blob.lastUsedMs = Date.now();
      return blob;
    } catch (error) {
      throw toStoreError(error, path);
    }
  }

  /**
   * A blob found at start. After an unclean stop every claimed piece is read and hashed again, after
   * a clean one a sample; a single bad piece in it has all of them checked.
   */
  static async open(path: string, map: PieceMap, workers: PieceWorkers): Promise<BlobFile> {
    try {
      const { size } = await stat(path);
      const blob = new BlobFile(map, {
        path,
        file: await openWithLength(path, { flags: 'r+', length: map.size }),
        workers,
      });
      const stays = size === map.size && map.clean && (await blob.#sampleHolds());
      for (const piece of [...blob.held]) if (piece >= blob.hashCount) blob.held.delete(piece); // read behind a gap
      if (size !== map.size) blob.#forgetAll();
      else if (!stays) await blob.#recheck();
      // From now on a crash must not find a map that says "clean", unless there is nothing left to write.
      if (!stays || !blob.complete) await blob.#flush(false).catch(() => {}); // a full disk: the old map was true
      return blob;
    } catch (error) {
      throw toStoreError(error, path);
    }
  }

  /** Somebody reads it who cannot do without. */
  get inUse(): boolean {
    return this.#users > 0;
  }

  /** Until the returned function is called, once. */
  use(): () => void {
    this.#users++;
    return () => void this.#users--;
  }

  get complete(): boolean {
    return this.held.complete;
  }

  /** The known prefix of piece hashes, n × 32 bytes. */
  get hashes(): Buffer {
    return this.#hashes;
  }

  get hashCount(): number {
    return this.#hashes.length / HASH_BYTES;
  }

  hashOf(piece: number): string | undefined {
    return piece < this.hashCount
      ? this.#hashes.toString('hex', piece * HASH_BYTES, (piece + 1) * HASH_BYTES)
      : undefined;
  }

  /** Appends hashes; overlaps are fine, a gap is not and is ignored. Returns the count known now. */
  addHashes(first: number, hashes: Uint8Array): number {
    const overlap = this.hashCount - first;
    if (overlap < 0 || hashes.length / HASH_BYTES <= overlap) return this.hashCount;
    this.#hashes = Buffer.concat([this.#hashes, hashes.subarray(overlap * HASH_BYTES)]);
    return this.hashCount;
  }

  /** Whether known hashes are others than these. */
  contradicts(first: number, hashes: Uint8Array): boolean {
    const known = this.#hashes.subarray(first * HASH_BYTES, first * HASH_BYTES + hashes.length);
    return !known.equals(hashes.subarray(0, known.length));
  }

  bytesHeld(): number {
    let bytes = this.held.count * this.pieceLength;
    const last = this.held.length - 1;
    if (last >= 0 && this.held.has(last)) bytes -= this.pieceLength - pieceSize(last, this.size, this.pieceLength);
    return bytes;
  }

  /** Hashes and writes a received piece; false when it is not what its hash says (and is not written). */
  async storePiece(piece: number, memory: SharedArrayBuffer): Promise<boolean> {
    const expected = this.hashOf(piece);
    if (expected === undefined) throw new AgentError('INTERNAL', `piece ${piece} came before its hash`);
    const hash = await this.#store(piece, memory, expected);
    if (hash !== expected) return false;
    this.#claim(piece);
    return true;
  }

  /** Hashes and writes a piece read from the origin, whose hash nobody may know yet; returns the hash. */
  async storeOriginPiece(piece: number, memory: SharedArrayBuffer): Promise<Buffer> {
    const expected = this.hashOf(piece);
    const hash = await this.#store(piece, memory, expected);
    if (expected !== undefined && expected !== hash)
      throw new AgentError('DIGEST_MISMATCH', `${this.digest} is not what it was when it was read before`);
    return Buffer.from(hash, 'hex');
  }

  /** The hash of a piece behind a gap is not kept here: the tracker's will come. */
  claimOriginPiece(piece: number, hash: Uint8Array): void {
    this.addHashes(piece, hash);
    this.#claim(piece);
  }

  async read(position: number, target: Uint8Array): Promise<void> {
    this.lastUsedMs = Date.now();
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await this.#file.read(target, done, target.length - done, position + done);
      if (bytesRead === 0) throw new AgentError('STORE_FAILED', `${this.path} ends early`);
      done += bytesRead;
    }
  }

  /** Bytes that lie behind each other on disk, into several targets by one read. */
  async readInto(position: number, targets: readonly Uint8Array[]): Promise<void> {
    const [only] = targets;
    if (targets.length === 1 && only !== undefined) return this.read(position, only);
    this.lastUsedMs = Date.now();
    const wanted = targets.reduce((sum, { length }) => sum + length, 0);
    const { bytesRead } = await this.#file.readv([...targets], position);
    if (bytesRead !== wanted) throw new AgentError('STORE_FAILED', `${this.path} ends early`);
  }

  /**
   * Hashes the next bytes of the whole blob, in order and of one blob of the agent at a time; the
   * last step's result is the digest's hex.
   */
  digestStep(position: number, length: number): Promise<string> {
    const last = position + length === this.size;
    const algorithm = digestAlgorithm(this.digest);
    return this.#withFile((fd) => this.#workers.run({ kind: 'digest', fd, position, length, algorithm, last }));
  }

  /** n × 20 bytes, read from disk: what a torrent has. One after the other: traffic goes first. */
  async sha1OfPieces(): Promise<Buffer> {
    const hashes: Buffer[] = [];
    for (let piece = 0; piece < this.held.length; piece++)
      hashes.push(Buffer.from(await this.#hashOnDisk(piece, 'sha1'), 'hex'));
    return Buffer.concat(hashes);
  }

  /** The blob from its start, once complete. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    for (let position = 0; position < this.size; position += READ_BYTES) {
      const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, this.size - position));
      await this.read(position, chunk);
      yield chunk;
    }
  }

  /** Resolves when the piece is verified; rejects with the signal's reason, or ABORTED when the blob is closed. */
  whenHeld(piece: number, signal: AbortSignal): Promise<void> {
    return this.#when(() => this.held.has(piece), signal);
  }

  /** Resolves when no more than so many bytes are to come; rejects as `whenHeld`. */
  whenLacking(bytes: number, signal: AbortSignal): Promise<void> {
    return this.#when(() => this.size - this.bytesHeld() <= bytes, signal);
  }

  #when(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', look);
        settle();
      };
      const look = (): void => {
        if (holds()) end(resolve);
        else if (signal.aborted) end(() => reject(signal.reason));
        else if (this.#closed) end(() => reject(new AgentError('ABORTED', `${this.digest} is closed`)));
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  /**
   * Throws STORE_FAILED when a piece on disk is not what its hash says any more. Costs a look at the file's times, and
   * a hash once a piece after somebody else has written there or the agent was started.
   */
  async checkAgain(piece: number): Promise<void> {
    const { mtimeMs } = await this.#file.stat();
    if (this.#checked?.mtimeMs !== mtimeMs) this.#checked = { mtimeMs, pieces: new PieceSet(this.held.length) };
    const { pieces } = this.#checked;
    // Read behind a gap, under the digest of the whole: there is no hash to compare it with.
    if (pieces.has(piece) || piece >= this.hashCount) return;
    if (!(await this.holdsOnDisk(piece)))
      throw new AgentError('STORE_FAILED', `piece ${piece} in ${this.path} is not what it was; it is fetched again`);
    pieces.add(piece);
  }

  /** Flushes and writes a map that says so. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#settle();
    await this.#flush(true).catch(() => {}); // an unclean map only costs a check at the next start
    await this.#file.close();
  }

  async remove(): Promise<void> {
    await this.#settle();
    await this.#file.close();
    await removeFiles(this.path);
  }

  /** Takes no more pieces and waits for those being written and for the map. */
  async #settle(): Promise<void> {
    this.#closed = true;
    this.#tellWaiting();
    clearTimeout(this.#flushTimer);
    await Promise.allSettled(this.#running);
    await this.#flushing;
  }

  async #store(piece: number, memory: SharedArrayBuffer, expected: string | undefined): Promise<string> {
    const length = pieceSize(piece, this.size, this.pieceLength);
    const position = piece * this.pieceLength;
    return this.#withFile((fd) => this.#workers.run({ kind: 'store', memory, length, fd, position, expected }));
  }

  async #withFile(task: (fd: number) => Promise<string>): Promise<string> {
    if (this.#closed) throw new AgentError('ABORTED', `${this.digest} is closed`);
    const running = task(this.#file.fd);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw toStoreError(error, this.path);
    } finally {
      this.#running.delete(running);
    }
  }

  #claim(piece: number): void {
    this.lastUsedMs = Date.now();
    this.held.add(piece);
    this.#tellWaiting();
    if (this.#flushTimer !== undefined || this.#closed) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      // A failed flush loses no data: the pieces are only fetched again after a crash.
      this.#flushing = this.#flushing.then(() => this.#flush(false)).catch(() => {});
    }, FLUSH_MS);
  }

  #tellWaiting(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** The map is clean when no write is to come: at the end, or when every piece is there. */
  async #flush(isLast: boolean): Promise<void> {
    const clean = isLast || this.complete;
    const map = { digest: this.digest, size: this.size, pieceLength: this.pieceLength, hashes: this.#hashes, clean };
    const held = Buffer.from(this.held.bits);
    await this.#file.datasync();
    await replaceFile(mapPath(this.path), encodePieceMap({ ...map, held }));
  }

  #forgetAll(): void {
    for (const piece of [...this.held]) this.held.delete(piece);
  }

  #hashOnDisk(piece: number, algorithm: 'sha256' | 'sha1'): Promise<string> {
    const length = pieceSize(piece, this.size, this.pieceLength);
    const position = piece * this.pieceLength;
    return this.#withFile((fd) => this.#workers.run({ kind: 'check', fd, position, length, algorithm }));
  }

  async #sampleHolds(): Promise<boolean> {
    const held = [...this.held];
    const stride = Math.max(1, Math.floor(held.length / SAMPLE_PIECES));
    const sample = held.filter((_, at) => at % stride === 0);
    return (await Promise.all(sample.map((piece) => this.holdsOnDisk(piece)))).every(Boolean);
  }

  async #recheck(): Promise<void> {
    const check = async (piece: number): Promise<void> => {
      if (!(await this.holdsOnDisk(piece))) this.held.delete(piece);
    };
    await Promise.all([...this.held].map(check));
  }

  /** False for what cannot be read, too: it is fetched again. */
  async holdsOnDisk(piece: number): Promise<boolean> {
    const hash = await this.#hashOnDisk(piece, 'sha256').catch(() => undefined);
    return hash !== undefined && hash === this.hashOf(piece);
  }
}

/** The map first: without one nothing in the data file is believed. */
export async function removeFiles(dataPath: string): Promise<void> {
  for (const path of [mapPath(dataPath), dataPath]) await removeFile(path);
}

export function mapPath(dataPath: string): string {
  return `${dataPath}.map`;
}

async function requireSpace(path: string, size: number, promisedBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const freeBytes = bavail * bsize;
  if (freeBytes >= size + promisedBytes + SPARE_BYTES) return;
  const inMiB = (bytes: number): string => `${Math.ceil(bytes / (1024 * 1024))} MiB`;
  throw new AgentError(
    'DISK_FULL',
    `${dirname(path)} has ${inMiB(freeBytes)} free; the blob needs ${inMiB(size)}, others that are coming in ${inMiB(promisedBytes)}, and ${inMiB(SPARE_BYTES)} stay free; free space and run the job again`,
  );
}
