import { describe, expect, it } from 'vitest';
import { formatRate, parseRate, RateError } from './rate.ts';

describe('rates', () => {
  it('reads bits as decimal, bytes as decimal or binary', () => {
    expect(parseRate('60 MB/s')).toBe(60_000_000);
    expect(parseRate('200 Mbit/s')).toBe(25_000_000);
    expect(parseRate('1 GiB/s')).toBe(1024 ** 3);
    expect(parseRate('1.5MiB/s')).toBe(1.5 * 1024 ** 2);
    expect(parseRate('unlimited')).toBe(Number.POSITIVE_INFINITY);
    expect(parseRate('0 B/s')).toBe(0);
  });

  it.each(['60', 'fast', '60 MB', '-1 MB/s', '10 B/s', '5 XB/s'])('refuses %s and names the units', (text) => {
    expect(() => parseRate(text)).toThrow(RateError);
  });

  it('writes what it reads', () => {
    expect(formatRate(60_000_000)).toBe('60.0 MB/s');
    expect(formatRate(Number.POSITIVE_INFINITY)).toBe('unlimited');
  });
});
