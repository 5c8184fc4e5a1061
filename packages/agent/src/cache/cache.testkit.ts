/** A cache over a real store, with a test that says what is needed, what the disk has and what time it is. */
import { join } from 'node:path';
import type { Digest } from '@shoal/oci';
import { onTestFinished } from 'vitest';
import { type BlobStore, openBlobStore } from '../store/blob-store.ts';
import { temporaryFolder, testWorkers } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import type { Volume } from './budget.ts';
import { type Cache, type CacheOptions, type CacheStatus, openCache } from './cache.ts';

export const EMPTY_CACHE: CacheStatus = {
  ...{ blobs: 0, bytes: 0, budgetBytes: 1000, evictedBlobs: 0, evictedBytes: 0, overBudgetBytes: 0 },
};

export interface TestCache {
  folder: string;
  store: BlobStore;
  cache: Cache;
  needed: Map<Digest, string>;
  /** In the order in which they were dropped. */
  dropped: Digest[];
  volume: Volume;
  nowMs: number;
  /** Its lines, as objects. */
  warnings: object[];
  stop(): Promise<void>;
}

export async function testCache(options: CacheOptions = {}, folder = temporaryFolder()): Promise<TestCache> {
  const blobsDir = join(folder, 'blobs');
  const warnings: object[] = [];
  const logger = silent.child({});
  logger.warn = (line: unknown) => void warnings.push(line as object);
  const store = await openBlobStore(blobsDir, testWorkers(), {
    makeRoom: (wantedBytes) => self.cache.makeRoom(wantedBytes),
  });
  const self: Omit<TestCache, 'cache'> & { cache: Cache } = {
    ...{ folder, store, needed: new Map(), dropped: [], warnings, nowMs: Date.now() },
    volume: { totalBytes: 1e12, freeBytes: 1e12 },
    cache: undefined as never,
    async stop() {
      await self.cache.close();
      await store.close();
    },
  };
  self.cache = await openCache(options, {
    ...{ dataDir: folder, store, logger, readVolume: async () => self.volume, nowMs: () => self.nowMs },
    neededFor: (digest) => self.needed.get(digest),
    drop: (digest) => {
      self.dropped.push(digest);
      return store.remove(digest);
    },
  });
  onTestFinished(() => store.close().catch(() => {})); // it may be stopped already
  return self;
}
