/** Real folders, real workers and made-up blobs for tests of what stands on the store. */
import { createCipheriv, createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, digestHex, digestOf } from '@shoal/oci';
import { pieceCount } from '@shoal/swarm';
import { onTestFinished } from 'vitest';
import { type BlobFacts, type BlobFile, mapPath } from './blob-file.ts';
import { type BlobStore, openBlobStore } from './blob-store.ts';
import { decodePieceMap, type PieceMap } from './piece-map.ts';
import { type PieceTask, type PieceWorkers, startPieceWorkers } from './piece-workers.ts';

export const PIECE = 64 * 1024;

/** A blob of made-up bytes with what a tracker would know of it. */
export interface TestBlob extends BlobFacts {
  bytes: Buffer;
  /** n × 32 bytes. */
  hashes: Buffer;
  pieces: number;
}

export function blobOf(size: number, { mark = 'a', pieceLength = PIECE } = {}): TestBlob {
  const bytes = bytesOf(size, mark);
  const pieces = pieceCount(size, pieceLength);
  const hashes = Buffer.concat(
    Array.from({ length: pieces }, (_, piece) =>
      createHash('sha256')
        .update(bytes.subarray(piece * pieceLength, (piece + 1) * pieceLength))
        .digest(),
    ),
  );
  return { digest: digestOf(bytes), size, pieceLength, bytes, hashes, pieces };
}

/** Looks random, the same on every run. */
function bytesOf(size: number, mark: string): Buffer {
  const key = createHash('sha256').update(mark).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

export function pieceOf(blob: TestBlob, piece: number): Buffer {
  return blob.bytes.subarray(piece * blob.pieceLength, (piece + 1) * blob.pieceLength);
}

export function shared(blob: BlobFacts, bytes: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(blob.pieceLength);
  new Uint8Array(memory).set(bytes);
  return memory;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-agent-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

let common: PieceWorkers | undefined;

/** For all tests of a file; they end with it. */
function commonWorkers(): PieceWorkers {
  common ??= startPieceWorkers(2);
  return common;
}

export function testWorkers(count = 2): PieceWorkers {
  const workers = startPieceWorkers(count);
  onTestFinished(() => workers.stop());
  return workers;
}

export async function testStore(folder = temporaryFolder(), workers = commonWorkers()): Promise<BlobStore> {
  const store = await openBlobStore(folder, workers);
  onTestFinished(() => store.close());
  return store;
}

/** Opens the blob in the store, with all its hashes, and stores these pieces (default: all). */
export async function fill(store: BlobStore, blob: TestBlob, pieces?: Iterable<number>): Promise<BlobFile> {
  const file = await store.open(blob);
  file.addHashes(0, blob.hashes);
  for (const piece of pieces ?? Array.from({ length: blob.pieces }, (_, index) => index))
    await file.storePiece(piece, shared(blob, pieceOf(blob, piece)));
  return file;
}

/** The folder as a crash at this moment leaves it; the store that still runs does not touch it. */
export function afterCrash(folder: string): string {
  const copy = join(temporaryFolder(), 'blobs');
  cpSync(folder, copy, { recursive: true });
  return copy;
}

export function dataPath(folder: string, digest: Digest): string {
  return join(folder, `${digestHex(digest)}.blob`);
}

/** The map on disk as it is now. */
export function mapOnDisk(folder: string, digest: Digest): PieceMap | undefined {
  const path = mapPath(dataPath(folder, digest));
  return existsSync(path) ? decodePieceMap(readFileSync(path)) : undefined;
}

export function pieces(file: BlobFile): number[] {
  return [...file.held];
}

export async function contentOf(file: BlobFile): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.bytes()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Real workers whose tasks a test may hold back or let fail; `before` is awaited in front of each. */
export function workersWith(before: (task: PieceTask) => Promise<void> | void): PieceWorkers {
  return {
    run: async (task) => {
      await before(task);
      return commonWorkers().run(task);
    },
    wake: () => {},
    stop: async () => {},
  };
}

export function ioError(code: string): Error {
  return Object.assign(new Error(`${code}: twin of a disk`), { code });
}
