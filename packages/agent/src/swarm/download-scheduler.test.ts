import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bandwidthOf } from '../bandwidth/bandwidth.testkit.ts';
import { type DownloadClient, DownloadScheduler } from './download-scheduler.ts';

const BLOCK = 16 * 1024;

/** A swarm that always has something to ask for: whole blocks, as the core does. */
interface TwinOptions extends Pick<DownloadClient, 'trafficClass'> {
  /** It asks for whole ones, bytes. */
  block?: number;
}

interface TwinSwarm extends DownloadClient {
  asked: number;
  calls: number[];
}

function twinSwarm(wants = Number.POSITIVE_INFINITY, { block = BLOCK, ...as }: TwinOptions = {}): TwinSwarm {
  const twin: TwinSwarm = {
    ...as,
    asked: 0,
    calls: [],
    request({ bytes: budgetBytes }) {
      twin.calls.push(budgetBytes);
      const room = Math.min(wants - twin.asked, 16 * block);
      const bytes = Math.min(room, Math.ceil(budgetBytes / block) * block);
      twin.asked += bytes;
      return { bytes, remoteBytes: 0 };
    },
  };
  return twin;
}

function schedule(bytesPerSecond: number): DownloadScheduler {
  return new DownloadScheduler(bandwidthOf({ down: bytesPerSecond }), () => performance.now());
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

  it('swarms share it by bytes, however large the blocks they ask for', async () => {
    const scheduler = schedule(1000 * BLOCK);
    const swarms = [twinSwarm(), twinSwarm(undefined, { block: 16 * BLOCK }), twinSwarm()];
    for (const swarm of swarms) scheduler.add(swarm);
    await vi.advanceTimersByTimeAsync(3000);
    const asked = swarms.map((swarm) => swarm.asked / BLOCK);
    expect(Math.max(...asked) - Math.min(...asked)).toBeLessThanOrEqual(32);
  });

  it('a swarm that comes late, or wanted nothing for long, gets no more than the others', async () => {
    const scheduler = schedule(100 * BLOCK);
    const [early, late] = [twinSwarm(), twinSwarm()];
    scheduler.add(early);
    await vi.advanceTimersByTimeAsync(2000);
    const before = early.asked;
    scheduler.add(late);
    await vi.advanceTimersByTimeAsync(2000);
    expect(Math.abs(early.asked - before - late.asked)).toBeLessThanOrEqual(4 * BLOCK);
  });

  it('what a person waits for has it first, and a pre-warm goes on with one part in sixteen', async () => {
    const scheduler = schedule(100 * BLOCK);
    const warm = twinSwarm();
    const pull = twinSwarm(undefined, { trafficClass: 'pull' });
    scheduler.add(warm);
    scheduler.add(pull);
    await vi.advanceTimersByTimeAsync(4000);
    expect(warm.asked / (warm.asked + pull.asked)).toBeGreaterThan(0.04);
    expect(warm.asked / (warm.asked + pull.asked)).toBeLessThan(0.08);
  });

  it('what a pull cannot use is a pre-warm’s, and what comes back is counted back', async () => {
    const scheduler = schedule(100 * BLOCK);
    const warm = twinSwarm();
    const pull = twinSwarm(20 * BLOCK, { trafficClass: 'pull' });
    scheduler.add(warm);
    scheduler.add(pull);
    await vi.advanceTimersByTimeAsync(1000);
    expect(pull.asked).toBe(20 * BLOCK);
    expect(warm.asked).toBeGreaterThan(75 * BLOCK);
  });

  it('a swarm whose requests are turned away has not had its share', async () => {
    const scheduler = schedule(100 * BLOCK);
    const [lucky, unlucky] = [twinSwarm(), twinSwarm()];
    for (const swarm of [lucky, unlucky]) scheduler.add(swarm);
    const ask = unlucky.request;
    let refunded = 0;
    unlucky.request = (budget) => {
      const asked = ask(budget);
      if (asked.bytes > 0 && refunded < 50 * BLOCK) {
        refunded += asked.bytes;
        queueMicrotask(() => scheduler.refund(unlucky, asked.bytes, false));
      }
      return asked;
    };
    await vi.advanceTimersByTimeAsync(3000);
    expect(Math.abs(unlucky.asked - refunded - lucky.asked)).toBeLessThanOrEqual(4 * BLOCK);
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
    const bandwidth = bandwidthOf({ down: 100 * BLOCK }, () => nowMs++);
    const scheduler = new DownloadScheduler(bandwidth, () => nowMs);
    for (let taken = 0; taken < 5; taken++) await scheduler.take('prewarm', BLOCK, new AbortController().signal);
    expect(nowMs).toBeGreaterThan(40);
    expect(bandwidth.available({ class: 'pull', direction: 'download', remote: 'zone' })).toBeLessThanOrEqual(0);
    expect(scheduler.originBytes).toBe(5 * BLOCK);
  });

  it('under a low cap a registry is asked for 100 ms of it at a time, and else for all', () => {
    expect(schedule(100 * BLOCK).readAtOnce('prewarm')).toBe(10 * BLOCK);
    expect(schedule(0).readAtOnce('prewarm')).toBe(64 * 1024);
    expect(schedule(100e6).readAtOnce('prewarm')).toBe(Number.POSITIVE_INFINITY);
  });

  it('waiting for the bucket ends with its signal', async () => {
    const scheduler = schedule(0);
    const abort = new AbortController();
    const taken = scheduler.take('prewarm', 1, abort.signal);
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
      return { bytes: 0, remoteBytes: 0 };
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
