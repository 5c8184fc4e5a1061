import { expect, it } from 'vitest';
import { temporaryFolder } from '../store/store.testkit.ts';
import { budgetBytes, floorBytes, volumeOf } from './budget.ts';

const VOLUME = { totalBytes: 64e9, freeBytes: 1 };

it('a budget is a size, a part of the whole volume, or none', () => {
  expect(budgetBytes({ bytes: 5 }, VOLUME)).toBe(5);
  expect(budgetBytes({ percent: 20 }, VOLUME)).toBe(12.8e9);
  expect(budgetBytes('unlimited', VOLUME)).toBe(Number.POSITIVE_INFINITY);
});

it('a twentieth of the volume stays free, 10 GB at most, and never less than a blob file wants', () => {
  expect(floorBytes(VOLUME)).toBe(3.2e9);
  expect(floorBytes({ ...VOLUME, totalBytes: 4e12 })).toBe(10e9);
  expect(floorBytes({ ...VOLUME, totalBytes: 80e6 })).toBe(64 * 1024 * 1024);
});

it('the volume is that of the folder; one that is not there is STORE_FAILED', async () => {
  const { totalBytes, freeBytes } = await volumeOf(temporaryFolder());
  expect(totalBytes).toBeGreaterThan(freeBytes);
  await expect(volumeOf('/nowhere/at/all')).rejects.toMatchObject({ code: 'STORE_FAILED' });
});
