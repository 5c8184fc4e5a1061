/**
 * Keeps the blobs of an agent within the budget: makes room before a blob is begun, looks again every minute, and lets
 * go of what the engine has if the operator wants no blob twice. What goes is decided by `planEviction`; what must stay
 * is said by who needs it, or by a job's `keepUntil`.
 */
import { join } from 'node:path';
import type { Digest } from '@shoal/oci';
import type { Logger } from 'pino';
import { toSessionError } from '../errors.ts';
import type { BlobFile } from '../store/blob-file.ts';
import type { BlobStore } from '../store/blob-store.ts';
import { budgetBytes, type CacheBudget, DEFAULT_BUDGET, floorBytes, type Volume, volumeOf } from './budget.ts';
import { openCacheRecord } from './cache-record.ts';
import { type EvictionPlan, planEviction } from './eviction.ts';

export interface CacheOptions {
  /** Default: a fifth of the volume. */
  budget?: CacheBudget | undefined;
  /** `untilLoaded`: a blob goes once the engine has its image and nobody needs it. Default: `always`. */
  keep?: 'always' | 'untilLoaded' | undefined;
}

export interface CacheParts {
  /** The record lies here; `blobs` in it is the store's. */
  dataDir: string;
  store: BlobStore;
  /** Why a blob must stay now. */
  neededFor(digest: Digest): string | undefined;
  /** Deletes it and tells the tracker; it is in no list as soon as this is called. */
  drop(digest: Digest): Promise<void>;
  logger: Logger;
  readVolume?(): Promise<Volume>;
  /** Milliseconds since the epoch. */
  nowMs?(): number;
}

export interface CacheStatus {
  blobs: number;
  /** With the whole size of blobs that are not whole yet. */
  bytes: number;
  /** Null: no limit. */
  budgetBytes: number | null;
  evictedBlobs: number;
  evictedBytes: number;
  /** What does not fit, as all of it is needed: 0, or the budget is too small. */
  overBudgetBytes: number;
}

export interface Cache {
  /** Resolves when there is room for blobs of so many bytes, or as much as there can be. Never rejects. */
  makeRoom(wantedBytes: number): Promise<void>;
  /** Looks whether something is to go. Never rejects. */
  round(): Promise<void>;
  /** The blob stays until then, whether it is here already or comes later. Remembered over restarts. */
  keep(digest: Digest, untilMs: number): void;
  /** The engine of this host has these layers. */
  loaded(digests: readonly Digest[]): void;
  usedMs(blob: BlobFile): number;
  keepUntilMs(digest: Digest): number;
  /** Why it is not evicted. */
  whyStays(digest: Digest): string | undefined;
  /** Drops a blob that nobody needs, kept or not; false: somebody does. Rejects when it cannot be deleted now. */
  remove(digest: Digest): Promise<boolean>;
  status(): CacheStatus;
  /** The times of use are written down. */
  close(): Promise<void>;
}

export async function openCache(options: CacheOptions, parts: CacheParts): Promise<Cache> {
  const { dataDir, store, neededFor, drop, logger, nowMs = Date.now } = parts;
  const readVolume = parts.readVolume ?? (() => volumeOf(dataDir));
  const record = await openCacheRecord(join(dataDir, 'cache.json'), logger);
  const { budget = DEFAULT_BUDGET, keep = 'always' } = options;
  let volume = await readVolume();
  let overBudgetBytes = 0;
  /** Of blobs that are gone but whose files another program holds: they will be free. */
  let leftoverBytes = 0;
  let evictedBlobs = 0;
  let evictedBytes = 0;
  let last = Promise.resolve();

  /** A clock that was set back must not make old blobs the newest for ever. */
  const usedMs = (blob: BlobFile): number =>
    Math.min(nowMs(), Math.max(record.of(blob.digest)?.usedMs ?? 0, blob.lastUsedMs));

  const keepUntilMs = (digest: Digest): number => record.of(digest)?.keepUntilMs ?? 0;

  const whyStays = (digest: Digest): string | undefined => {
    const until = keepUntilMs(digest);
    return neededFor(digest) ?? (until > nowMs() ? `it is kept until ${new Date(until).toISOString()}` : undefined);
  };

  const noteUse = (): void => {
    for (const blob of store.list()) record.used(blob.digest, usedMs(blob) || nowMs());
  };

  const evict = async (digest: Digest, why: string): Promise<void> => {
    const blob = store.get(digest);
    if (blob === undefined || neededFor(digest) !== undefined) return;
    const bytes = blob.bytesHeld();
    const dropping = drop(digest);
    record.gone(digest, nowMs());
    evictedBlobs++;
    evictedBytes += bytes;
    logger.info({ event: 'blob evicted', digest, bytes, why }, 'a blob left the cache');
    await dropping;
  };

  const plan = (wantedBytes: number): EvictionPlan => {
    const blobs = store.list();
    const promisedBytes = blobs.reduce((sum, blob) => sum + blob.size - blob.bytesHeld(), 0);
    return planEviction(
      blobs.map((blob) => ({
        ...{ digest: blob.digest, bytes: blob.size, usedMs: usedMs(blob) },
        mustStay: () => whyStays(blob.digest) !== undefined,
      })),
      {
        ...{ budgetBytes: budgetBytes(budget, volume), floorBytes: floorBytes(volume), wantedBytes },
        freeBytes: volume.freeBytes + leftoverBytes - promisedBytes,
      },
    );
  };

  const warn = (nowOverBytes: number): void => {
    if (nowOverBytes > 0 && overBudgetBytes === 0)
      logger.warn(
        { event: 'cache over budget', bytes: nowOverBytes, budgetBytes: budgetBytes(budget, volume) },
        'the cache is larger than cache.budget, as open jobs and pulls need all of it; raise the budget, or order less at a time',
      );
    overBudgetBytes = nowOverBytes;
  };

  const failed = (error: unknown): void => {
    const { code, text } = toSessionError(error);
    logger.warn({ event: 'eviction failed', code, untrusted: text }, 'a blob could not be deleted; tried again');
  };

  const look = async (wantedBytes: number): Promise<void> => {
    noteUse();
    if (wantedBytes === 0) leftoverBytes = await store.removeLeftovers(); // what is about to come waits for no scanner
    volume = await readVolume();
    const tryEvict = (digest: Digest, why: string): Promise<void> => evict(digest, why).catch(failed);
    if (keep === 'untilLoaded')
      for (const { digest } of store.list()) if (record.of(digest)?.loaded) await tryEvict(digest, 'the engine has it');
    const { evict: victims, overBudgetBytes: over } = plan(wantedBytes);
    warn(over);
    // Who became needed meanwhile stays: the next round finds another.
    for (const digest of victims) if (whyStays(digest) === undefined) await tryEvict(digest, 'the budget');
    record.prune((digest) => store.get(digest) !== undefined, nowMs());
    await record.save();
  };

  const inTurn = (wantedBytes: number): Promise<void> => {
    last = last.then(() => look(wantedBytes)).catch(failed);
    return last;
  };

  noteUse();
  return {
    makeRoom: inTurn,
    round: () => inTurn(0),
    keep(digest, untilMs) {
      record.keep(digest, untilMs);
      void record.save();
    },
    loaded(digests) {
      for (const digest of digests) if (store.get(digest) !== undefined) record.loaded(digest);
      void record.save();
    },
    ...{ usedMs, keepUntilMs, whyStays },
    async remove(digest) {
      if (neededFor(digest) !== undefined) return false;
      const evicting = evict(digest, 'an operator');
      record.forget(digest);
      await evicting.finally(() => record.save());
      return true;
    },
    status() {
      const limit = budgetBytes(budget, volume);
      const blobs = store.list();
      return {
        ...{ blobs: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) },
        ...{ budgetBytes: Number.isFinite(limit) ? limit : null, evictedBlobs, evictedBytes, overBudgetBytes },
      };
    },
    async close() {
      await last;
      noteUse();
      await record.save(true);
    },
  };
}
