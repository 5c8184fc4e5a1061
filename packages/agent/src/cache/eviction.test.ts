import type { Digest } from '@shoal/oci';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EvictableBlob, planEviction, type Space } from './eviction.ts';

const ROOMY: Space = { budgetBytes: 1e12, freeBytes: 1e12, floorBytes: 0, wantedBytes: 0 };

function blob(name: string, changes: Partial<EvictableBlob> = {}): EvictableBlob {
  return { digest: name as Digest, bytes: 10, usedMs: 0, mustStay: () => false, ...changes };
}

describe('what is evicted', () => {
  it('is nothing while all fits', () => {
    expect(planEviction([blob('a')], { ...ROOMY, budgetBytes: 10 })).toEqual({
      ...{ evict: [], overBudgetBytes: 0, shortOfFloorBytes: 0 },
    });
  });

  it('is what was used least recently, so that what comes has room', () => {
    const blobs = [blob('new', { usedMs: 3 }), blob('old', { usedMs: 1 }), blob('middle', { usedMs: 2 })];
    const plan = planEviction(blobs, { ...ROOMY, budgetBytes: 30, wantedBytes: 11 });
    expect(plan.evict).toEqual(['old', 'middle']);
  });

  it('is as much as the volume lacks, however large the budget', () => {
    const blobs = [blob('old', { usedMs: 1 }), blob('new', { usedMs: 2 })];
    const space = { ...ROOMY, freeBytes: 5, floorBytes: 10, wantedBytes: 5 };
    expect(planEviction(blobs, space)).toMatchObject({ evict: ['old'], shortOfFloorBytes: 0 });
  });

  it('is never what must stay, and what cannot be helped is said', () => {
    const blobs = [blob('job', { mustStay: () => true }), blob('old', { usedMs: 5 })];
    expect(planEviction(blobs, { ...ROOMY, budgetBytes: 3, wantedBytes: 4 })).toMatchObject({
      ...{ evict: ['old'], overBudgetBytes: 11 },
    });
  });
});

describe('for any cache', () => {
  const blobs = fc.uniqueArray(
    fc.record({
      digest: fc.integer({ min: 0, max: 1000 }).map((number) => `sha256:${number}` as Digest),
      bytes: fc.integer({ min: 0, max: 100 }),
      usedMs: fc.integer({ min: 0, max: 20 }),
      mustStay: fc.boolean().map((stays) => () => stays),
    }),
    { selector: ({ digest }) => digest, maxLength: 30 },
  );
  const amount = fc.integer({ min: 0, max: 1500 });
  const space = fc.record({
    ...{ budgetBytes: amount, freeBytes: amount, floorBytes: amount, wantedBytes: fc.integer({ min: 0, max: 300 }) },
  });

  it('the plan keeps to budget and floor unless all that is left must stay, and evicts no more, oldest first', () => {
    fc.assert(
      fc.property(blobs, space, (all, room) => {
        const { evict, overBudgetBytes, shortOfFloorBytes } = planEviction(all, room);
        const isOut = new Set(evict);
        const out = evict.map((digest) => all.find((one) => one.digest === digest) as EvictableBlob);
        const left = all.filter(({ digest }) => !isOut.has(digest));
        const bytesOf = (some: EvictableBlob[]): number => some.reduce((sum, { bytes }) => sum + bytes, 0);
        const overWith = (some: EvictableBlob[]) => bytesOf(some) + room.wantedBytes - room.budgetBytes;
        const shortWith = (gone: EvictableBlob[]) =>
          room.floorBytes + room.wantedBytes - room.freeBytes - bytesOf(gone);

        expect(out.some((one) => one.mustStay())).toBe(false);
        expect(overBudgetBytes).toBe(Math.max(0, overWith(left)));
        expect(shortOfFloorBytes).toBe(Math.max(0, shortWith(out)));
        if (overBudgetBytes > 0 || shortOfFloorBytes > 0) expect(left.every((one) => one.mustStay())).toBe(true);
        expect(out.map(({ usedMs }) => usedMs)).toEqual(out.map(({ usedMs }) => usedMs).sort((a, b) => a - b));
        const newest = Math.max(...out.map(({ usedMs }) => usedMs));
        for (const one of left) if (!one.mustStay()) expect(one.usedMs).toBeGreaterThanOrEqual(newest);
        const last = out.at(-1);
        if (last !== undefined) expect(overWith([...left, last]) > 0 || shortWith(out.slice(0, -1)) > 0).toBe(true);
      }),
    );
  });
});
