import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

const limits = { firstMs: 500, maxMs: 30_000 };

it('doubles with each failure up to the limit', () => {
  expect([0, 1, 2, 3, 9, 1000].map((attempt) => backoffMs(attempt, limits, () => 1))).toEqual([
    500, 1000, 2000, 4000, 30_000, 30_000,
  ]);
});

it('waits between half and all of it', () => {
  expect(backoffMs(1, limits, () => 0)).toBe(500);
});
