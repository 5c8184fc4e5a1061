import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createManualClock } from './clock.testkit.ts';
import { keepHistory } from './history.ts';
import type { Removed, RetentionNow } from './store/retention.ts';

const HOUR_MS = 3_600_000;

function start(round: (now: RetentionNow) => Generator<void, Removed>) {
  const clock = createManualClock();
  const logs: string[] = [];
  const log = pino({}, { write: (line) => logs.push(line) });
  const retention = { round };
  const stop = keepHistory({ retention, keepMs: 24 * HOUR_MS, isRunning: () => false, clock, log });
  return { clock, logs, stop };
}

it('has a round now and then, in steps, and tells what went', () => {
  const rounds: RetentionNow[] = [];
  let steps = 0;
  const { clock, logs, stop } = start(function* (now) {
    rounds.push(now);
    for (let step = 0; step < 3; step++) {
      steps++;
      yield;
    }
    return { jobs: 3, hostImages: 0, blobs: 0 };
  });
  const startMs = clock.now();
  clock.advance(10 * 60_000);
  expect([rounds.length, steps]).toEqual([1, 1]);
  expect(rounds[0]).toMatchObject({ nowMs: startMs + 600_000, beforeMs: startMs + 600_000 - 24 * HOUR_MS });
  clock.advance(1000);
  expect(steps).toBe(3);
  expect(logs.join()).toMatch(/"jobs":3.*what is long over was removed/);
  clock.advance(6 * HOUR_MS);
  expect(rounds).toHaveLength(2);
  stop();
  clock.advance(24 * HOUR_MS);
  expect(rounds).toHaveLength(2);
});

it('says so when it fails, and tries again at the next round', () => {
  let rounds = 0;
  const { clock, logs } = start(function* () {
    rounds++;
    yield;
    throw new Error('database or disk is full');
  });
  clock.advance(HOUR_MS);
  expect(logs.join()).toContain('free space in dataDir');
  clock.advance(6 * HOUR_MS);
  expect(rounds).toBe(2);
});
