import { describe, expect, it } from 'vitest';
import { createTokenBucket } from './token-bucket.ts';

describe('token bucket', () => {
  it('gives its rate over time, whatever the size of a taking', () => {
    const bucket = createTokenBucket(1_000_000, 0);
    let sent = 0;
    for (let now = 0; now <= 10_000; now += 5) {
      while (bucket.available(now) > 0) {
        bucket.take(131_072, now);
        sent += 131_072;
      }
    }
    expect(sent / 10_000_000).toBeGreaterThan(0.99);
    expect(sent / 10_000_000).toBeLessThan(1.02);
  });

  it('serves a block larger than its burst, then waits until the debt is paid', () => {
    const bucket = createTokenBucket(125_000, 0);
    bucket.available(100);
    bucket.take(16_384, 100);
    expect(bucket.available(101)).toBeLessThan(0);
    expect(bucket.available(300)).toBeGreaterThan(0);
  });

  it('saves up no more than 20 ms, or what it is told', () => {
    const bucket = createTokenBucket(1_000_000, 0);
    expect(bucket.available(60_000)).toBe(20_000);
    expect(createTokenBucket(1_000_000, 0, { burstMs: 10 }).available(60_000)).toBe(10_000);
  });

  it('has no limit at Infinity and nothing at 0', () => {
    const bucket = createTokenBucket(Number.POSITIVE_INFINITY, 0);
    bucket.take(1e12, 0);
    expect(bucket.available(0)).toBe(Number.POSITIVE_INFINITY);
    bucket.setRate(0, 10);
    expect(bucket.available(10_000)).toBe(0);
    bucket.setRate(1000, 10_000);
    expect(bucket.available(10_010)).toBe(10);
  });
});
