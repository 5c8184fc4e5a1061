/**
 * Checks blobs that only stay in the cache: their digest is computed by no exit, so it is computed
 * here, one blob at a time and slowly, while everything else goes first. Says which are wrong.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { digestHex } from '@shoal/oci';
import type { BlobFile } from './blob-file.ts';

export interface BackgroundCheckOptions {
  onWrong(blob: BlobFile): void;
  /** Between two steps of 8 MiB; default 50 ms: at most about 150 MB/s. */
  pauseMs?: number;
}

export interface BackgroundCheck {
  /** Checks a complete blob when its turn comes. */
  add(blob: BlobFile): void;
  /** The hash of a complete blob in hex, as fast as the disk goes. Rejects with the signal's reason, or when the blob is closed. */
  digestOf(blob: BlobFile, options: DigestOptions): Promise<string>;
  /** Resolves when nothing is left to check. */
  idle(): Promise<void>;
  stop(): void;
}

export interface DigestOptions {
  onBytes(bytes: number): void;
  signal: AbortSignal;
}

const PAUSE_MS = 50;
/** A worker is busy with it for about 6 ms: no more than with two pieces that came in. */
const STEP_BYTES = 8 * 1024 * 1024;

export function createBackgroundCheck({ onWrong, pauseMs = PAUSE_MS }: BackgroundCheckOptions): BackgroundCheck {
  let last: Promise<void> = Promise.resolve();
  let stopped = false;

  const isRight = async (blob: BlobFile): Promise<boolean> => {
    let hash: string | undefined;
    for (let position = 0; position < blob.size && !stopped; position += STEP_BYTES) {
      hash = await blob.digestStep(position, Math.min(STEP_BYTES, blob.size - position));
      await delay(pauseMs, undefined, { ref: false });
    }
    return stopped || hash === digestHex(blob.digest);
  };
  const check = async (blob: BlobFile): Promise<void> => {
    // A blob that was dropped or closed meanwhile cannot be read, and need not be.
    const right = stopped || (await isRight(blob).catch(() => true));
    if (!right) onWrong(blob);
  };
  const hashOf = async (blob: BlobFile, { onBytes, signal }: DigestOptions): Promise<string> => {
    let hash = '';
    for (let position = 0; position < blob.size || hash === ''; position += STEP_BYTES) {
      signal.throwIfAborted();
      const bytes = Math.min(STEP_BYTES, blob.size - position);
      hash = await blob.digestStep(position, bytes);
      onBytes(bytes);
    }
    return hash;
  };
  return {
    add(blob) {
      last = last.then(() => check(blob));
    },
    // Of one blob at a time: a worker has one state of such a hash.
    digestOf(blob, options) {
      const hashing = last.then(() => hashOf(blob, options));
      last = hashing.then(
        () => {},
        () => {},
      );
      return hashing;
    },
    idle: () => last,
    stop() {
      stopped = true;
    },
  };
}
