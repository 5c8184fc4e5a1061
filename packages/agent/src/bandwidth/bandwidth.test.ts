import type { BucketRule, Traffic } from '@shoal/policy';
import { describe, expect, it } from 'vitest';
import { blockBytesFor, createBandwidth } from './bandwidth.ts';

const rule = (changes: Partial<BucketRule>): BucketRule => ({
  ...{ key: 'cap', direction: 'download', bytesPerSecond: 1_514_000 },
  classes: ['pull', 'prewarm', 'seed'],
  remotes: ['zone', 'elsewhere', 'registry'],
  ...changes,
});

const download: Traffic = { class: 'prewarm', direction: 'download', remote: 'zone' };
const upload: Traffic = { ...download, direction: 'upload' };

describe('a budget', () => {
  it('of bytes on the wire gives payload: 1448 of 1514', () => {
    let now = 0;
    const bandwidth = createBandwidth([rule({})], () => now);
    expect(bandwidth.rate(download)).toBeCloseTo(1_448_000);
    let moved = 0;
    for (now = 1; now <= 10_000; now += 5)
      while (bandwidth.available(download) > 0) {
        bandwidth.take(download, 16_384);
        moved += 16_384;
      }
    expect(moved / 10).toBeGreaterThan(0.98 * 1_448_000);
    expect(moved / 10).toBeLessThan(1_448_000);
  });

  it('under a low cap counts blocks as they come: 2061 bytes in two frames', () => {
    const bandwidth = createBandwidth([rule({ bytesPerSecond: 125_000 })], () => 0);
    const before = bandwidth.available(download);
    bandwidth.take(download, 10 * 2048);
    const onWire = (before - bandwidth.available(download)) * (1514 / 1448);
    expect(onWire / (10 * (13 + 2048 + 2 * 66))).toBeCloseTo(1.01);
  });

  it('counts the acknowledgements of what comes in among what goes out', () => {
    const bandwidth = createBandwidth([rule({ direction: 'upload', bytesPerSecond: 66_000 })], () => 0);
    const before = bandwidth.available(upload);
    bandwidth.take(download, 1_448_000);
    expect((before - bandwidth.available(upload)) * (1514 / 1448)).toBeCloseTo(33_000);
  });

  it('limits only what its rules count', () => {
    const bandwidth = createBandwidth([rule({ classes: ['prewarm'], remotes: ['elsewhere'] })], () => 0);
    expect(bandwidth.available({ ...download, remote: 'elsewhere' })).toBeLessThanOrEqual(0);
    for (const free of [download, upload, { ...download, class: 'pull', remote: 'elsewhere' } as Traffic])
      expect([bandwidth.available(free), bandwidth.rate(free)]).toEqual([
        Number.POSITIVE_INFINITY,
        Number.POSITIVE_INFINITY,
      ]);
  });

  it('takes back what was asked for and does not come', () => {
    const bandwidth = createBandwidth([rule({})], () => 0);
    bandwidth.take(download, 100_000);
    bandwidth.take(download, -100_000);
    expect(bandwidth.available(download)).toBeCloseTo(0);
  });
});

it.each([
  [Number.POSITIVE_INFINITY, 256],
  [25e6, 128],
  [1e6, 16],
  [0, 16],
])('a block under %d bytes a second is %i KiB', (bytesPerSecond, kib) => {
  expect(blockBytesFor(bytesPerSecond)).toBe(kib * 1024);
});
