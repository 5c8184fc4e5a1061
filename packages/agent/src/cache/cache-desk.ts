/**
 * The cache as people see it, and what they may do with it: `shoal cache ls`, `rm`, `verify`. Decides what is refused,
 * and with which words.
 */
import type { Digest } from '@shoal/oci';
import { type HeldImage, type HeldImages, nameOf } from '../engine/index.ts';
import { toSessionError } from '../errors.ts';
import type { JobRunner } from '../job/job-runner.ts';
import type { BackgroundCheck } from '../store/background-check.ts';
import type { BlobFile } from '../store/blob-file.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { Swarms } from '../swarm/swarms.ts';
import type { Cache, CacheStatus } from './cache.ts';
import { bytesToVerify, verifyBlob } from './verify.ts';

/** Instants are ISO texts; null: none. */
export interface CachedBlobView {
  digest: string;
  bytes: number;
  heldBytes: number;
  usedAt: string;
  keepUntil: string | null;
  /** Why it is not evicted. */
  stays: string | null;
}

export interface HeldImageView {
  imageId: string;
  /** Shoal's own, in the engine. */
  tag: string;
  reference: string;
  keepUntil: string;
}

export interface CacheView extends CacheStatus {
  /** Last used first. */
  content: CachedBlobView[];
  heldImages: HeldImageView[];
}

/** Digests of blobs and IDs of held images; `unused`: all blobs that nobody needs and no job keeps. */
export type RemoveRequest = { digests: readonly string[] } | { unused: true };

export interface RemoveView {
  removed: { digest: string; bytes: number }[];
  refused: { digest: string; why: string }[];
}

export type VerifyEvent =
  | { type: 'progress'; digest: string; doneBytes: number; totalBytes: number }
  | { type: 'blob'; digest: string; result: 'right' | 'wrong' | 'skipped'; why?: string };

export interface CacheDeskParts {
  store: BlobStore;
  cache: Cache;
  held: HeldImages | undefined;
  check: BackgroundCheck;
  jobs: Pick<JobRunner, 'jobOfImage'>;
  swarms: Pick<Swarms, 'isFetching' | 'forget'>;
}

export interface CacheDesk {
  view(): CacheView;
  remove(request: RemoveRequest): Promise<RemoveView>;
  /** All blobs unless told. Ends when the signal is given. */
  verify(digests: readonly string[] | undefined, signal: AbortSignal): AsyncGenerator<VerifyEvent>;
}

export function createCacheDesk(parts: CacheDeskParts): CacheDesk {
  const { store, cache, held } = parts;

  const viewOf = (blob: BlobFile): CachedBlobView => ({
    ...{ digest: blob.digest, bytes: blob.size, heldBytes: blob.bytesHeld() },
    usedAt: instant(cache.usedMs(blob)),
    keepUntil: cache.keepUntilMs(blob.digest) > 0 ? instant(cache.keepUntilMs(blob.digest)) : null,
    stays: cache.whyStays(blob.digest) ?? null,
  });

  /** Undefined: it is gone. */
  const removeBlob = async (digest: Digest): Promise<string | undefined> => {
    const why = cache.whyStays(digest);
    return (await cache.remove(digest)) ? undefined : `${why}; cancel what needs it first`;
  };

  const removeHeld = async (image: HeldImage): Promise<string | undefined> => {
    const jobId = parts.jobs.jobOfImage(image.manifestDigest);
    if (jobId !== undefined) return `job ${jobId} is open; cancel what needs it first`;
    if (await held?.letGo(image)) return undefined;
    return `a container uses ${nameOf(image)} and the image has no other name; give it one, or remove the container`;
  };

  const removeOne = (digest: string): Promise<string | undefined> => {
    if (store.get(digest as Digest) !== undefined) return removeBlob(digest as Digest);
    const image = held?.list().find(({ imageId }) => imageId === digest);
    if (image !== undefined) return removeHeld(image);
    return Promise.resolve('it is not here; "shoal cache ls" lists what is');
  };

  const chosen = (request: RemoveRequest): string[] => {
    if ('digests' in request) return [...new Set(request.digests)];
    return store.list().flatMap(({ digest }) => (cache.whyStays(digest) === undefined ? [digest] : []));
  };

  return {
    view: () => ({
      ...cache.status(),
      content: store
        .list()
        .map(viewOf)
        .sort((a, b) => (a.usedAt < b.usedAt ? 1 : -1)),
      heldImages: (held?.list() ?? []).map((image) => ({
        ...{ imageId: image.imageId, tag: nameOf(image), reference: image.reference },
        keepUntil: instant(image.keepUntilMs),
      })),
    }),
    async remove(request) {
      const view: RemoveView = { removed: [], refused: [] };
      for (const digest of chosen(request)) {
        const bytes = store.get(digest as Digest)?.bytesHeld() ?? 0;
        const why = await removeOne(digest).catch((error: unknown) => toSessionError(error).text);
        if (why === undefined) view.removed.push({ digest, bytes });
        else view.refused.push({ digest, why });
      }
      return view;
    },
    async *verify(digests, signal) {
      for (const digest of new Set(digests ?? store.list().map((blob) => blob.digest)))
        yield* verifyOne(parts, digest as Digest, signal);
    },
  };
}

async function* verifyOne(parts: CacheDeskParts, digest: Digest, signal: AbortSignal): AsyncGenerator<VerifyEvent> {
  const { store, check, swarms } = parts;
  const blob = store.get(digest);
  if (blob === undefined) return yield { type: 'blob', digest, result: 'skipped', why: 'it is not here' };
  if (swarms.isFetching(digest))
    return yield { type: 'blob', digest, result: 'skipped', why: 'it is being fetched, each piece is checked' };
  const totalBytes = bytesToVerify(blob);
  let doneBytes = 0;
  let tell = (): void => {};
  const onBytes = (bytes: number): void => {
    doneBytes += bytes;
    tell();
  };
  let ended = false;
  const verifying = verifyBlob(blob, { check, onBytes, signal }).finally(() => {
    ended = true;
    tell();
  });
  verifying.catch(() => {}); // seen below
  for (let shown = -1; !ended; ) {
    const percent = Math.floor((doneBytes / Math.max(1, totalBytes)) * 100);
    if (percent > shown) yield { type: 'progress', digest, doneBytes, totalBytes };
    shown = percent;
    if (!ended) await new Promise<void>((resolve) => (tell = resolve));
  }
  const wrong = await verifying.catch((error: unknown) => {
    if (signal.aborted) throw error;
    return toSessionError(error).text;
  });
  if (store.get(digest) !== blob) return yield { type: 'blob', digest, result: 'skipped', why: 'it is gone meanwhile' };
  if (wrong === undefined) return yield { type: 'blob', digest, result: 'right' };
  await swarms.forget(digest).catch(() => {}); // what cannot be deleted now is deleted later
  yield { type: 'blob', digest, result: 'wrong', why: wrong };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
