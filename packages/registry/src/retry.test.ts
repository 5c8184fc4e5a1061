import { describe, expect, it } from 'vitest';
import { RegistryError } from './errors.ts';
import { parseRetryAfterMs, retryDelayMs, waitOrAbort } from './retry.ts';
import { createVirtualTime } from './virtual-time.testkit.ts';

const policy = { maxAttempts: 5, firstRetryDelayMs: 100, maxRetryDelayMs: 1000, maxRetryAfterMs: 60_000 };
const failed = new RegistryError('REGISTRY_FAILED', 'x');
const delay = (error: unknown, failures: number, random = 1) =>
  retryDelayMs(policy, error, { failures, random: () => random });

describe('retryDelayMs', () => {
  it('doubles the delay up to its cap, then gives up', () => {
    expect([1, 2, 3, 4, 5].map((failures) => delay(failed, failures))).toEqual([100, 200, 400, 800, undefined]);
    expect(retryDelayMs({ ...policy, maxAttempts: 9 }, failed, { failures: 8, random: () => 1 })).toBe(1000);
  });

  it('spreads the delay over its upper half', () => {
    expect(delay(failed, 2, 0)).toBe(100);
    expect(delay(failed, 2, 0.5)).toBe(150);
  });

  it('gives up at once on an error that trying again cannot mend', () => {
    expect(delay(new RegistryError('UNKNOWN_BLOB', 'x'), 1)).toBeUndefined();
    expect(delay(new TypeError('x'), 1)).toBeUndefined();
  });

  it('waits as long as the registry asks, unless that is too long', () => {
    const asks = (retryAfterMs: number) => delay(new RegistryError('RATE_LIMITED', 'x', { retryAfterMs }), 1);
    expect([asks(0), asks(60_000), asks(60_001)]).toEqual([0, 60_000, undefined]);
  });
});

describe('parseRetryAfterMs', () => {
  const nowMs = Date.UTC(2026, 10, 23, 12, 0, 0);

  it('reads seconds and HTTP dates', () => {
    expect(parseRetryAfterMs(' 7 ', nowMs)).toBe(7000);
    expect(parseRetryAfterMs('Mon, 23 Nov 2026 12:00:09 GMT', nowMs)).toBe(9000);
    expect(parseRetryAfterMs('Mon, 23 Nov 2026 11:00:00 GMT', nowMs)).toBe(0);
  });

  it('ignores what is neither', () => {
    for (const text of [undefined, '', '-1', '1.5', 'soon', '2026-11-24']) {
      expect(parseRetryAfterMs(text, nowMs)).toBeUndefined();
    }
  });
});

it('a wait ends with ABORTED when the signal fires', async () => {
  const wait = waitOrAbort(createVirtualTime(), 10, AbortSignal.abort());
  await expect(wait).rejects.toMatchObject({ code: 'ABORTED' });
});
