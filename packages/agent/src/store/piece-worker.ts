/**
 * A hashing worker: SHA-256 of a piece in shared memory and its positional write, or of a piece on
 * disk. Blocking calls are right here: the thread has nothing else to do. Decides nothing.
 */
import { createHash, type Hash } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { PieceTask, PieceTaskResult } from './piece-workers.ts';

/** For reads from disk: small enough to stay in the processor's cache until it is hashed. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);
/** Of the whole blob that is being checked in the background. */
let digest = createHash('sha256');

function carryOut(task: PieceTask): string {
  if (task.kind === 'check') return addFromDisk(createHash(task.algorithm), task).digest('hex');
  if (task.kind === 'digest') return digestOnward(task);
  const piece = new Uint8Array(task.memory, 0, task.length);
  const hash = createHash('sha256').update(piece).digest('hex');
  // A piece that is not what it should be never touches the disk.
  if (task.expected === undefined || task.expected === hash) writeWhole(task.fd, piece, task.position);
  return hash;
}

function writeWhole(fd: number, piece: Uint8Array, position: number): void {
  for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done, piece.length - done, position + done);
}

function digestOnward(task: Extract<PieceTask, { kind: 'digest' }>): string {
  if (task.position === 0) digest = createHash(task.algorithm);
  addFromDisk(digest, task);
  return task.last ? digest.digest('hex') : '';
}

function addFromDisk(hash: Hash, { fd, position, length }: Exclude<PieceTask, { kind: 'store' }>): Hash {
  for (let done = 0; done < length; ) {
    const bytes = readSync(fd, buffer, 0, Math.min(buffer.length, length - done), position + done);
    if (bytes === 0) break;
    hash.update(buffer.subarray(0, bytes));
    done += bytes;
  }
  return hash;
}

parentPort?.on('message', ({ id, task }: { id: number; task: PieceTask }) => {
  let result: PieceTaskResult;
  try {
    result = { id, hash: carryOut(task) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    result = { id, error: { code: code ?? 'UNKNOWN', message } };
  }
  parentPort?.postMessage(result);
});
