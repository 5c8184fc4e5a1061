/**
 * Checks blobs that only stay in the cache: their digest is computed by no exit, so it is computed
 * here, one blob at a time and slowly, while everything else goes first. Says which are wrong.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { digestAlgorithm, digestHex } from '@shoal/oci';
import type { BlobFile } from './blob-file.ts';

export interface BackgroundCheckOptions {
  onWrong(blob: BlobFile): void;
  /** Between two chunks of 1 MiB; default 5 ms: at most about 150 MB/s. */
  pauseMs?: number;
}

export interface BackgroundCheck {
  /** Checks a complete blob when its turn comes. */
  add(blob: BlobFile): void;
  /** Resolves when nothing is left to check. */
  idle(): Promise<void>;
  stop(): void;
}

const PAUSE_MS = 5;
const CHUNK_BYTES = 1024 * 1024;

export function createBackgroundCheck({ onWrong, pauseMs = PAUSE_MS }: BackgroundCheckOptions): BackgroundCheck {
  let last: Promise<void> = Promise.resolve();
  let stopped = false;

  const isRight = async (blob: BlobFile): Promise<boolean> => {
    const hash = createHash(digestAlgorithm(blob.digest));
    // One buffer for all: a new one each time would cost more than the hash.
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, blob.size));
    for (let position = 0; position < blob.size && !stopped; position += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, blob.size - position));
      await blob.read(position, part);
      hash.update(part);
      await delay(pauseMs, undefined, { ref: false });
    }
    if (stopped) return true;
    return hash.digest('hex') === digestHex(blob.digest);
  };
  const check = async (blob: BlobFile): Promise<void> => {
    // A blob that was dropped or closed meanwhile cannot be read, and need not be.
    const right = stopped || (await isRight(blob).catch(() => true));
    if (!right) onWrong(blob);
  };
  return {
    add(blob) {
      last = last.then(() => check(blob));
    },
    idle: () => last,
    stop() {
      stopped = true;
    },
  };
}
