import { createTokenBucket } from '@shoal/policy';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DownloadClient, DownloadScheduler } from './download-scheduler.ts';

const BLOCK = 16 * 1024;

/** A swarm that always has something to ask for: whole blocks, as the core does. */
interface TwinSwarm extends DownloadClient {
  asked: number;
  calls: number[];
}

function twinSwarm(wants = Number.POSITIVE_INFINITY): TwinSwarm {
  const twin: TwinSwarm = {
    asked: 0,
    calls: [],
    request(budgetBytes) {
      twin.calls.push(budgetBytes);
      const room = Math.min(wants - twin.asked, 16 * BLOCK);
      const bytes = Math.min(room, Math.ceil(budgetBytes / BLOCK) * BLOCK);
      twin.asked += bytes;
      return bytes;
    },
  };
  return twin;
}

function schedule(bytesPerSecond: number): DownloadScheduler {
  return new DownloadScheduler(createTokenBucket(bytesPerSecond, performance.now()), () => performance.now());
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('under a cap', () => {
  it.each([64, 100, 1000])('of %i blocks a second that is what is asked for, in any half second', async (rate) => {
    const scheduler = schedule(rate * BLOCK);
    const swarm = twinSwarm();
    scheduler.add(swarm);
    let before = 0;
    for (let half = 0; half < 6; half++) {
      await vi.advanceTimersByTimeAsync(500);
      const asked = (swarm.asked - before) / BLOCK;
      before = swarm.asked;
      expect(asked).toBeGreaterThan(0.9 * (rate / 2));
      expect(asked).toBeLessThan(1.1 * (rate / 2) + 1);
    }
  });

  it('swarms take turns and share it evenly', async () => {
    const scheduler = schedule(100 * BLOCK);
    const swarms = [twinSwarm(), twinSwarm(), twinSwarm()];
    for (const swarm of swarms) scheduler.add(swarm);
    await vi.advanceTimersByTimeAsync(3000);
    const asked = swarms.map((swarm) => swarm.asked / BLOCK);
    expect(Math.max(...asked) - Math.min(...asked)).toBeLessThanOrEqual(2);
    expect(asked.reduce((sum, blocks) => sum + blocks)).toBeGreaterThan(290);
  });

  it('a swarm that wants nothing leaves its share to the others', async () => {
    const scheduler = schedule(100 * BLOCK);
    const [idle, busy] = [twinSwarm(0), twinSwarm()];
    scheduler.add(idle);
    scheduler.add(busy);
    await vi.advanceTimersByTimeAsync(1000);
    expect(busy.asked).toBeGreaterThan(95 * BLOCK);
  });

  it('a poke asks for nothing: the cap decides when', () => {
    const scheduler = schedule(100 * BLOCK);
    const swarm = twinSwarm();
    scheduler.add(swarm);
    scheduler.poke(swarm);
    expect(swarm.calls).toEqual([]);
  });

  it('what the seeder reads of the origin takes its time from the same bucket', async () => {
    vi.useRealTimers();
    let nowMs = 0;
    const bucket = createTokenBucket(100 * BLOCK, 0);
    const scheduler = new DownloadScheduler(bucket, () => nowMs++);
    for (let taken = 0; taken < 5; taken++) await scheduler.take(BLOCK, new AbortController().signal);
    expect(nowMs).toBeGreaterThan(40);
    expect(bucket.available(nowMs)).toBeLessThanOrEqual(0);
  });

  it('waiting for the bucket ends with its signal', async () => {
    const scheduler = schedule(0);
    const abort = new AbortController();
    const taken = scheduler.take(1, abort.signal);
    abort.abort();
    await expect(taken).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('without a cap', () => {
  it('a poke asks at once, for as much as there is', () => {
    const scheduler = schedule(Number.POSITIVE_INFINITY);
    const swarm = twinSwarm();
    scheduler.add(swarm);
    scheduler.poke(swarm);
    expect(swarm.calls).toEqual([Number.POSITIVE_INFINITY]);
  });

  it('a poke for a swarm that left asks for nothing', () => {
    const scheduler = schedule(Number.POSITIVE_INFINITY);
    const swarm = twinSwarm();
    scheduler.add(swarm);
    scheduler.remove(swarm);
    scheduler.poke(swarm);
    expect(swarm.calls).toEqual([]);
  });
});

it('a swarm that is removed by another’s turn has no turn any more', async () => {
  const scheduler = schedule(100 * BLOCK);
  const victim = twinSwarm();
  scheduler.add({
    request: () => {
      scheduler.remove(victim);
      return 0;
    },
  });
  scheduler.add(victim);
  await vi.advanceTimersByTimeAsync(100);
  expect(victim.calls).toEqual([]);
});

it('no timer runs while nobody wants anything, nor after stop', () => {
  const scheduler = schedule(100);
  const swarm = twinSwarm();
  scheduler.add(swarm);
  scheduler.remove(swarm);
  expect(vi.getTimerCount()).toBe(0);
  scheduler.add(swarm);
  scheduler.stop();
  expect(vi.getTimerCount()).toBe(0);
});
