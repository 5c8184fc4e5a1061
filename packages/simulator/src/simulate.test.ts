import { describe, expect, it } from 'vitest';
import { faultsOf } from './checks.ts';
import { boundMs, type SimulationOptions } from './options.ts';
import { scenarioFor } from './scenarios.ts';
import { percentile, type SimulationResult, simulate } from './simulate.ts';

/** Run by every `npm test`; `npm run sim -- --seeds 1000` runs a night's worth. */
const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);
const MINUTE_MS = 60_000;

function fleet(options: Partial<SimulationOptions> = {}): SimulationOptions {
  const rates = { uploadBytesPerSecond: 25e6, downloadBytesPerSecond: 25e6 };
  return { hosts: 10, sizeBytes: 20e6, ...rates, ...options };
}

describe('a simulation', () => {
  it('is the same run again with the same seed, and another with another', () => {
    const options = fleet({ poisonShare: 0.2, faults: [{ kind: 'cut', atMs: 300, share: 0.5 }] });
    const [once, again] = [simulate({ ...options, seed: 7 }), simulate({ ...options, seed: 7 })];
    expect(again).toEqual(once);
    expect(simulate({ ...options, seed: 8 }).traceHash).not.toBe(once.traceHash);
  });

  it('is never faster than its bound but for the block that travels as a whole', () => {
    const result = simulate(fleet({ sizeBytes: 50e6 }));
    expect(result.readyMs[0]).toBeGreaterThan((50e6 / 25e6) * 1000);
    expect(result.readyMs.at(-1)).toBeLessThan(1.5 * result.boundMs);
    expect(result.seederCopies).toBeLessThan(1.5);
  });

  it('reads a cold blob once', () => {
    expect(simulate(fleet({ originBytesPerSecond: 30e6 })).originCopies).toBeCloseTo(1, 9);
    expect(simulate(fleet()).originCopies).toBe(0);
  });

  it('brings a cold blob to everybody without the tracker, once they are in the swarm', () => {
    const options = fleet({ hosts: 50, sizeBytes: 100e6, originBytesPerSecond: 20e6 });
    const lost = simulate({ ...options, faults: [{ kind: 'trackerRestart', atMs: 2500, forMs: 1e9 }] });
    const patienceMs = 1500;
    expect(lost.unfinished).toEqual([]);
    expect(lost.originCopies).toBeCloseTo(1, 9);
    expect(lost.readyMs.at(-1)).toBeLessThan(1.1 * ((simulate(options).readyMs.at(-1) ?? 0) + patienceMs));
  });

  it('does not count who was killed, and tells slow hosts from others', () => {
    const killed = simulate(fleet({ hosts: 20, faults: [{ kind: 'kill', atMs: 200, share: 0.5 }] }));
    expect(killed.readyMs.length).toBeLessThan(20);
    expect(killed.unfinished).toEqual([]);
    const slow = simulate(fleet({ hosts: 20, slow: { share: 0.3, factor: 0.2 } }));
    expect(slow.fullRateReadyMs.length).toBeLessThan(slow.readyMs.length);
    expect(slow.fullRateReadyMs.at(-1)).toBeLessThan(slow.readyMs.at(-1) as number);
  });

  it('ends at its limit with what is unfinished', () => {
    const result = simulate(fleet({ limitMs: 100 }));
    expect([result.readyMs.length, result.unfinished.length]).toEqual([0, 10]);
  });

  it('tells its progress in virtual time', () => {
    const told: number[] = [];
    simulate(fleet({ sizeBytes: 100e6 }), ({ nowMs }) => told.push(nowMs));
    expect(told.length).toBeGreaterThan(3);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
  });
});

it('percentiles are of hosts, not of time', () => {
  expect([0.1, 0.5, 0.95, 1].map((share) => percentile([1, 2, 3, 100], share))).toEqual([1, 2, 100, 100]);
  expect(percentile([], 0.5)).toBeNaN();
});

it('the bound is the transfer and the way of the first MiB to everybody', () => {
  expect(boundMs(fleet({ hosts: 7, sizeBytes: 25e6 }))).toBeCloseTo(1000 + (2 * 1024 ** 2) / 25e3, 6);
});

describe('random fleets: npm run sim -- --seed N shows one of them', () => {
  it.each(SEEDS)('nothing that must hold breaks with seed %d', { timeout: MINUTE_MS }, (seed) => {
    const options = scenarioFor(seed);
    expect(faultsOf(simulate(options), options)).toEqual([]);
  });

  it('a seed is one fleet, and seeds are of every kind', () => {
    expect(scenarioFor(5)).toEqual(scenarioFor(5));
    const all = Array.from({ length: 300 }, (_, seed) => scenarioFor(seed));
    const kinds = new Set(all.flatMap(({ faults = [] }) => faults.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(['cut', 'kill', 'partition', 'pause', 'seederRestart', 'trackerRestart']);
    const sizes = all.map(({ sizeBytes, pieceLength = 1 }) => sizeBytes - pieceLength);
    expect([sizes.includes(0), sizes.includes(1), all.some(({ sizeBytes }) => sizeBytes === 1)]).toEqual([
      true,
      true,
      true,
    ]);
    for (const { hosts, latencyMs = 0 } of all) expect(hosts >= 3 && hosts <= 60 && latencyMs >= 0.1).toBe(true);
  });
});

describe('the checks can fail', () => {
  const options = fleet({ originBytesPerSecond: 30e6 });
  const good = simulate(options);

  it('a good run has no faults', () => {
    expect(faultsOf(good, options)).toEqual([]);
  });

  it('a cold blob behind uplinks has none either', () => {
    const zoned = { ...options, zones: 2, uplinkBytesPerSecond: 50e6 };
    expect(faultsOf(simulate(zoned), zoned)).toEqual([]);
  });

  it.each<[string, Partial<SimulationResult>]>([
    ['not finished by', { unfinished: ['h3'] }],
    ['bad pieces were kept', { badPiecesKept: 1 }],
    ['origin copies, more than 1', { originCopies: 1.01 }],
    ['came in vain', { wastedShare: 0.2 }],
    ['connections on one host', { mostLinks: 1000 }],
    ['h1 upload passed', { limits: [{ name: 'h1 upload', bytes: 30e6, bytesPerSecond: 25e6, untilMs: 1000 }] }],
  ])('%s', (says, doctored) => {
    const faults = faultsOf({ ...good, ...doctored }, options);
    expect(faults).toEqual([expect.stringContaining(says)]);
  });

  it('a warm blob is not read at all, one of a seeder that starts again at most twice', () => {
    expect(faultsOf({ ...good, originCopies: 0.1 }, fleet())).toHaveLength(1);
    const restarted: SimulationOptions = { ...options, faults: [{ kind: 'seederRestart', atMs: 5, forMs: 5 }] };
    expect(faultsOf({ ...good, originCopies: 2 }, restarted)).toEqual([]);
  });
});
