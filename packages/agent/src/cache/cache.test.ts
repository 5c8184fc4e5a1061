import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { blobOf, contentOf, dataPath, fill, type TestBlob } from '../store/store.testkit.ts';
import { type TestCache, testCache } from './cache.testkit.ts';

const KB = 1000;
const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((mark) => blobOf(100 * KB, { mark })) as [
  TestBlob,
  TestBlob,
  TestBlob,
  TestBlob,
];
const HOUR = 3_600_000;

/** Blobs that came in one after the other, a minute between them. */
async function filled(kit: TestCache, ...blobs: TestBlob[]): Promise<void> {
  for (const blob of blobs) {
    const file = await fill(kit.store, blob);
    kit.nowMs += 60_000;
    file.lastUsedMs = kit.nowMs;
  }
}

function here({ store }: TestCache): string[] {
  return store
    .list()
    .map(({ digest }) => [A, B, C, D].findIndex((blob) => blob.digest === digest))
    .map((index) => 'abcd'[index] ?? '?')
    .sort();
}

describe('the budget', () => {
  it('makes room before a blob is begun: the least recently used goes, with its files', async () => {
    const kit = await testCache({ budget: { bytes: 250 * KB } });
    await filled(kit, A, B);
    expect(here(kit)).toEqual(['a', 'b']);
    await filled(kit, C);
    expect(here(kit)).toEqual(['b', 'c']);
    expect(kit.dropped).toEqual([A.digest]);
    expect(existsSync(dataPath(join(kit.folder, 'blobs'), A.digest))).toBe(false);
    expect(kit.cache.status()).toEqual({
      ...{ blobs: 2, bytes: 200 * KB, budgetBytes: 250 * KB, evictedBlobs: 1, evictedBytes: 100 * KB },
      overBudgetBytes: 0,
    });
  });

  it('knows a use by a read, as peers and engines make it', async () => {
    const kit = await testCache({ budget: { bytes: 250 * KB } });
    await filled(kit, A, B);
    vi.useFakeTimers({ toFake: ['Date'], now: kit.nowMs + 60_000 });
    try {
      await contentOf(kit.store.get(A.digest)!);
    } finally {
      vi.useRealTimers();
    }
    kit.nowMs += 120_000;
    await filled(kit, C);
    expect(here(kit)).toEqual(['a', 'c']);
  });

  it('never takes what is needed; with nothing else it is exceeded, said once, and the blob comes all the same', async () => {
    const kit = await testCache({ budget: { bytes: 150 * KB } });
    kit.needed.set(A.digest, 'job 1 is open').set(B.digest, 'job 1 is open').set(C.digest, 'job 1 is open');
    await filled(kit, A, B, C);
    expect(here(kit)).toEqual(['a', 'b', 'c']);
    expect(kit.cache.status().overBudgetBytes).toBe(150 * KB);
    expect(kit.warnings).toMatchObject([{ event: 'cache over budget' }]);
    kit.needed.clear();
    await kit.cache.round();
    expect(here(kit)).toEqual(['c']);
    expect(kit.cache.status().overBudgetBytes).toBe(0);
  });

  it('holds for many blobs that are begun at once', async () => {
    const kit = await testCache({ budget: { bytes: 250 * KB } });
    await filled(kit, A, B);
    for (const blob of [C, D]) kit.needed.set(blob.digest, 'job 1 is open');
    await Promise.all([kit.store.open(C), kit.store.open(D)]);
    expect(here(kit)).toEqual(['c', 'd']);
  });

  it('lets what is to be kept stay until then, also over a restart and before the blob is here', async () => {
    const first = await testCache({ budget: { bytes: 150 * KB } });
    first.cache.keep(A.digest, first.nowMs + HOUR);
    await filled(first, A);
    await first.stop();
    const kit = await testCache({ budget: { bytes: 150 * KB } }, first.folder);
    kit.nowMs = first.nowMs;
    expect(kit.cache.whyStays(A.digest)).toContain('it is kept until');
    await filled(kit, B);
    expect(here(kit)).toEqual(['a', 'b']);
    kit.nowMs += HOUR;
    await kit.cache.round();
    expect(here(kit)).toEqual(['b']);
  });

  it('remembers over a restart what was used least recently', async () => {
    const first = await testCache();
    await filled(first, A, B);
    await first.cache.round(); // written now; a use within the hour is not, but at the stop
    first.store.get(A.digest)!.lastUsedMs = first.nowMs += 60_000;
    await first.stop();
    const kit = await testCache({ budget: { bytes: 250 * KB } }, first.folder);
    kit.nowMs = first.nowMs;
    await filled(kit, C);
    expect(here(kit)).toEqual(['a', 'c']);
  });

  it('takes blobs of which it knows nothing for used now', async () => {
    const first = await testCache();
    await filled(first, A);
    await first.stop();
    rmSync(join(first.folder, 'cache.json'));
    const kit = await testCache({}, first.folder);
    expect(kit.nowMs - kit.cache.usedMs(kit.store.get(A.digest)!)).toBeLessThan(HOUR);
    expect((await kit.store.open(B)).lastUsedMs).toBeGreaterThan(kit.nowMs - HOUR);
  });

  it('after a clock was set back takes blobs of the future for those of now', async () => {
    const kit = await testCache({ budget: { bytes: 250 * KB } });
    await filled(kit, A);
    kit.nowMs -= 24 * HOUR;
    await filled(kit, B);
    expect(kit.cache.usedMs(kit.store.get(A.digest)!)).toBe(kit.nowMs);
  });

  it('makes the volume keep its floor, whatever it is', async () => {
    const kit = await testCache({ budget: 'unlimited' });
    kit.volume = { totalBytes: 1e9, freeBytes: 1e9 };
    await filled(kit, A, B, C);
    expect(kit.cache.status().budgetBytes).toBeNull();
    const floor = 64 * 1024 * 1024;
    kit.volume = { totalBytes: 1e9, freeBytes: floor - 150 * KB };
    await kit.cache.round();
    expect(here(kit)).toEqual(['c']);
  });

  it('of an idle agent writes nothing, round after round', async () => {
    const kit = await testCache();
    await filled(kit, A);
    await kit.cache.round();
    const file = join(kit.folder, 'cache.json');
    const before = statSync(file);
    for (let minutes = 0; minutes < 180; minutes++) {
      kit.nowMs += 60_000;
      await kit.cache.round();
    }
    expect(statSync(file)).toMatchObject({ mtimeMs: before.mtimeMs, ino: before.ino });
  });

  it('goes on after a blob could not be deleted', async () => {
    const kit = await testCache({ budget: { bytes: 250 * KB } });
    await filled(kit, A, B);
    const remove = kit.store.remove;
    kit.store.remove = async (digest) => {
      await remove(digest);
      throw new Error('EBUSY');
    };
    await filled(kit, C);
    kit.store.remove = remove;
    expect(kit.warnings).toMatchObject([{ event: 'eviction failed' }]);
    await filled(kit, D);
    expect(here(kit)).toEqual(['c', 'd']);
  });
});

describe('with keep: untilLoaded', () => {
  it('a blob goes when its image is loaded and nobody needs it, kept or not; others stay', async () => {
    const kit = await testCache({ keep: 'untilLoaded' });
    kit.needed.set(A.digest, 'job 1 is open');
    kit.cache.keep(A.digest, kit.nowMs + HOUR); // the engine holds the image
    await filled(kit, A, B);
    kit.cache.loaded([A.digest]);
    await kit.cache.round();
    expect(here(kit)).toEqual(['a', 'b']);
    kit.needed.clear();
    await kit.cache.round();
    expect(here(kit)).toEqual(['b']);
  });

  it('a blob that comes again is not taken for loaded', async () => {
    const kit = await testCache({ keep: 'untilLoaded' });
    await filled(kit, A);
    kit.cache.keep(A.digest, kit.nowMs + HOUR); // so that it is remembered
    kit.cache.loaded([A.digest]);
    await kit.cache.round();
    expect(here(kit)).toEqual([]);
    await filled(kit, A);
    await kit.cache.round();
    expect(here(kit)).toEqual(['a']);
  });

  it('is not what happens by default', async () => {
    const kit = await testCache();
    await filled(kit, A);
    kit.cache.loaded([A.digest]);
    await kit.cache.round();
    expect(here(kit)).toEqual(['a']);
  });
});
