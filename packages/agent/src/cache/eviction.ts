/**
 * Which blobs leave the cache so that it keeps to its budget and the volume keeps some space free. Pure: knows neither
 * disk nor clock. Why a blob must stay is decided elsewhere.
 */
import type { Digest } from '@shoal/oci';

export interface EvictableBlob {
  digest: Digest;
  /** The whole size, however much of it is here: the disk was promised that much. */
  bytes: number;
  /** When it was used last; milliseconds. */
  usedMs: number;
  /** Asked only of those whose turn it is: of thousands of blobs hardly one has to go. */
  mustStay(): boolean;
}

/** Bytes. */
export interface Space {
  /** `Infinity` for none. */
  budgetBytes: number;
  /** Free on the volume, less what is promised to blobs that are not whole yet. */
  freeBytes: number;
  /** To stay free on the volume. */
  floorBytes: number;
  /** For blobs that are about to be begun. */
  wantedBytes: number;
}

export interface EvictionPlan {
  /** Least recently used first. */
  evict: Digest[];
  /** What cannot be helped, as all that is left must stay. */
  overBudgetBytes: number;
  shortOfFloorBytes: number;
}

/** Evicts no more than needed, in the order of last use, and never what must stay. */
export function planEviction(blobs: readonly EvictableBlob[], space: Space): EvictionPlan {
  let over = blobs.reduce((sum, { bytes }) => sum + bytes, space.wantedBytes) - space.budgetBytes;
  let short = space.floorBytes + space.wantedBytes - space.freeBytes;
  const evict: Digest[] = [];
  const oldestFirst = blobs.toSorted((a, b) => a.usedMs - b.usedMs || (a.digest < b.digest ? -1 : 1));
  for (const blob of oldestFirst) {
    if (over <= 0 && short <= 0) break;
    if (blob.mustStay()) continue;
    evict.push(blob.digest);
    over -= blob.bytes;
    short -= blob.bytes;
  }
  return { evict, overBudgetBytes: Math.max(0, over), shortOfFloorBytes: Math.max(0, short) };
}
