/**
 * How large the cache may be and how much of its volume stays free. The budget is the operator's; the floor is not an
 * option: a host that runs out of disk helps nobody.
 */
import { statfs } from 'node:fs/promises';
import { toStoreError } from '../errors.ts';

/** A size, a part of the volume that holds the data folder, or no limit. */
export type CacheBudget = { bytes: number } | { percent: number } | 'unlimited';

export interface Volume {
  totalBytes: number;
  /** For this account. */
  freeBytes: number;
}

/**
 * A fifth: on a system volume of 64 GB that is room for two months of a Windows base image (6.3 GB each, compressed),
 * and leaves the rest to the engine, which needs two to three times as much for the same images.
 */
export const DEFAULT_BUDGET: CacheBudget = { percent: 20 };

const FLOOR_PART = 0.05;
const FLOOR_MOST_BYTES = 10e9;
/** What a blob file wants free beside its own size, or it is not begun. */
const FLOOR_LEAST_BYTES = 64 * 1024 * 1024;

/** `Infinity` for no limit. */
export function budgetBytes(budget: CacheBudget, { totalBytes }: Volume): number {
  if (budget === 'unlimited') return Number.POSITIVE_INFINITY;
  return 'bytes' in budget ? budget.bytes : Math.floor((totalBytes * budget.percent) / 100);
}

/** A twentieth of the volume, 10 GB at most. */
export function floorBytes({ totalBytes }: Volume): number {
  return Math.max(FLOOR_LEAST_BYTES, Math.min(Math.floor(totalBytes * FLOOR_PART), FLOOR_MOST_BYTES));
}

/** Of the volume that holds the folder. Throws STORE_FAILED. */
export async function volumeOf(folder: string): Promise<Volume> {
  try {
    const { blocks, bavail, bsize } = await statfs(folder);
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch (error) {
    throw toStoreError(error, folder);
  }
}
