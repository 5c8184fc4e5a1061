import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startPieceWorkers } from './piece-workers.ts';
import { temporaryFolder } from './store.testkit.ts';

const BYTES = randomBytes(100_000);
const HASH = createHash('sha256').update(BYTES).digest('hex');
const HALF = BYTES.length / 2;

/** Two workers of a file, and those threads of it that run. */
function pool() {
  const running = new Set<Worker>();
  const started = (worker: Worker): void => {
    running.add(worker);
    worker.once('exit', () => running.delete(worker));
  };
  process.on('worker', started);
  const workers = startPieceWorkers(2);
  onTestFinished(async () => {
    process.off('worker', started);
    await workers.stop();
  });
  const file = join(temporaryFolder(), 'blob');
  writeFileSync(file, BYTES);
  const place = { fd: openSync(file, 'r'), algorithm: 'sha256' as const };
  const check = () => workers.run({ ...place, kind: 'check', position: 0, length: BYTES.length });
  const digest = (position: number, last: boolean) =>
    workers.run({ ...place, kind: 'digest', position, length: HALF, last });
  return { running, workers, check, digest };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
});

describe('the workers of an agent', () => {
  it('start with the first work, end after a minute without any, and start again', async () => {
    const { running, workers, check } = pool();
    expect(running.size).toBe(0);
    expect(await check()).toBe(HASH);
    expect(running.size).toBe(2);
    vi.advanceTimersByTime(59_000);
    workers.wake();
    vi.advanceTimersByTime(59_000);
    expect(running.size).toBe(2);
    const ends = [...running].map((worker) => once(worker, 'exit'));
    vi.advanceTimersByTime(1000);
    await Promise.all(ends);
    expect(await check()).toBe(HASH);
  });

  it('stay while a digest waits for its next bytes', async () => {
    const { running, digest } = pool();
    await digest(0, false);
    vi.advanceTimersByTime(600_000);
    expect(await digest(HALF, true)).toBe(HASH);
    const ends = [...running].map((worker) => once(worker, 'exit'));
    vi.advanceTimersByTime(60_000);
    await Promise.all(ends);
  });
});
