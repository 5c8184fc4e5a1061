/**
 * What an agent remembers of its blobs beside their bytes: when each was used last, until when it is to be kept, and
 * whether the engine has it. One small file in the data folder. It is not written for every use: an hour's difference
 * is all that is kept of an agent that was killed.
 */
import { readFile } from 'node:fs/promises';
import { type Digest, isDigest } from '@shoal/oci';
import type { Logger } from 'pino';
import { toStoreError } from '../errors.ts';
import { replaceFile } from '../store/replace-file.ts';

interface Entry {
  /** Milliseconds since the epoch, as all times here. */
  usedMs: number;
  keepUntilMs: number;
  /** The engine of this host has the layer. */
  loaded: boolean;
}

export interface CacheRecord {
  of(digest: Digest): Readonly<Entry> | undefined;
  used(digest: Digest, usedMs: number): void;
  /** The later of two instants counts. */
  keep(digest: Digest, untilMs: number): void;
  loaded(digest: Digest): void;
  /** The blob is gone. What is to be kept is remembered, for when it comes again. */
  gone(digest: Digest, nowMs: number): void;
  forget(digest: Digest): void;
  /** Blobs that are not here and need not be remembered any more. */
  prune(isHere: (digest: Digest) => boolean, nowMs: number): void;
  /** Writes when something must not be lost; `all`: or has changed at all. */
  save(all?: boolean): Promise<void>;
}

const COARSE_MS = 3_600_000;
const VERSION = 1;
const MAX_INSTANT_MS = 8.64e15;

/** A file that cannot be read is no record: all blobs then count as used now. */
export async function openCacheRecord(path: string, logger: Logger): Promise<CacheRecord> {
  const entries = decode(await readFile(path).catch(() => undefined));
  const writtenMs = new Map([...entries].map(([digest, { usedMs }]) => [digest, usedMs]));
  let due = false;
  let changed = false;

  const change = (digest: Digest, values: Partial<Entry>, isDue = true): void => {
    const before = entries.get(digest);
    const after = { usedMs: 0, keepUntilMs: 0, loaded: false, ...before, ...values };
    entries.set(digest, after);
    changed = true;
    due ||= isDue;
  };
  const write = async (): Promise<void> => {
    due = changed = false;
    const blobs = Object.fromEntries(entries);
    await replaceFile(path, Buffer.from(JSON.stringify({ version: VERSION, blobs })));
    for (const [digest, { usedMs }] of entries) writtenMs.set(digest, usedMs);
  };
  let saving = Promise.resolve();
  const remove = (digest: Digest): void => {
    writtenMs.delete(digest);
    if (entries.delete(digest)) due = changed = true;
  };
  return {
    of: (digest) => entries.get(digest),
    used(digest, usedMs) {
      if (usedMs <= (entries.get(digest)?.usedMs ?? 0)) return;
      change(digest, { usedMs }, usedMs - (writtenMs.get(digest) ?? 0) >= COARSE_MS);
    },
    keep(digest, untilMs) {
      if (untilMs > (entries.get(digest)?.keepUntilMs ?? 0)) change(digest, { keepUntilMs: untilMs });
    },
    loaded(digest) {
      if (entries.get(digest)?.loaded !== true) change(digest, { loaded: true });
    },
    gone(digest, nowMs) {
      if ((entries.get(digest)?.keepUntilMs ?? 0) > nowMs) change(digest, { usedMs: 0, loaded: false });
      else remove(digest);
    },
    forget: remove,
    prune(isHere, nowMs) {
      for (const [digest, { keepUntilMs }] of entries) if (keepUntilMs <= nowMs && !isHere(digest)) remove(digest);
    },
    save(all = false) {
      if (!due && !(all && changed)) return saving;
      saving = saving.then(write).catch((error: unknown) => {
        due = true; // the next time
        const { code, message } = toStoreError(error, path);
        logger.warn({ event: 'cache record not written', code, untrusted: message }, 'the record of the cache is old');
      });
      return saving;
    },
  };
}

function decode(bytes: Uint8Array | undefined): Map<Digest, Entry> {
  const entries = new Map<Digest, Entry>();
  let value: { version?: unknown; blobs?: Record<string, Partial<Entry>> } | null = null;
  try {
    value = JSON.parse(Buffer.from(bytes ?? []).toString('utf8'));
  } catch {
    return entries;
  }
  if (value?.version !== VERSION || typeof value.blobs !== 'object') return entries;
  for (const [digest, entry] of Object.entries(value.blobs ?? {})) {
    if (!isDigest(digest)) continue;
    const { usedMs, keepUntilMs, loaded } = entry ?? {};
    entries.set(digest, { usedMs: instantOf(usedMs), keepUntilMs: instantOf(keepUntilMs), loaded: loaded === true });
  }
  return entries;
}

/** What `Date` can say; 0 for all else. */
function instantOf(value: unknown): number {
  return typeof value === 'number' && value > 0 && value <= MAX_INSTANT_MS ? value : 0;
}
