import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '@shoal/oci';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { openCacheRecord } from './cache-record.ts';

const A = `sha256:${'a'.repeat(64)}` as Digest;
const B = `sha256:${'b'.repeat(64)}` as Digest;
const HOUR = 3_600_000;
const NOW = 100 * HOUR;

function place() {
  const path = join(temporaryFolder(), 'cache.json');
  return { path, open: () => openCacheRecord(path, silent), read: () => readFileSync(path, 'utf8') };
}

describe('the record of the cache', () => {
  it('survives a restart', async () => {
    const { open } = place();
    const first = await open();
    first.used(A, NOW);
    first.keep(A, NOW + HOUR);
    first.loaded(B);
    await first.save();
    const second = await open();
    expect(second.of(A)).toEqual({ usedMs: NOW, keepUntilMs: NOW + HOUR, loaded: false });
    expect(second.of(B)).toMatchObject({ loaded: true });
  });

  it('is not written again for a use within the hour, but at an orderly stop', async () => {
    const { path, open, read } = place();
    const record = await open();
    record.used(A, NOW);
    await record.save();
    const before = read();
    rmSync(path);
    record.used(A, NOW + HOUR - 1);
    await record.save();
    expect(existsSync(path)).toBe(false);
    record.used(A, NOW + HOUR);
    await record.save();
    expect(read()).not.toBe(before);
    record.used(A, NOW + HOUR + 1);
    await record.save(true);
    expect((await open()).of(A)?.usedMs).toBe(NOW + HOUR + 1);
  });

  it('keeps the later of two instants, and of two times of use', async () => {
    const record = await place().open();
    record.keep(A, NOW + HOUR);
    record.keep(A, NOW);
    record.used(A, NOW);
    record.used(A, NOW - 1);
    expect(record.of(A)).toMatchObject({ keepUntilMs: NOW + HOUR, usedMs: NOW });
  });

  it('forgets a blob that is gone, but not until when it is to be kept', async () => {
    const record = await place().open();
    for (const digest of [A, B]) {
      record.used(digest, NOW);
      record.loaded(digest);
    }
    record.keep(A, NOW + HOUR);
    record.gone(A, NOW);
    record.gone(B, NOW);
    expect(record.of(A)).toEqual({ usedMs: 0, keepUntilMs: NOW + HOUR, loaded: false });
    expect(record.of(B)).toBeUndefined();
    record.prune(() => false, NOW + HOUR);
    expect(record.of(A)).toBeUndefined();
  });

  it.each([
    '',
    'null',
    '[]',
    '{"version":1,"blobs":null}',
    '{"version":2,"blobs":{}}',
    '{"version":1,"blobs":{"x":1}}',
  ])('that is %j is none', async (text) => {
    const { path, open } = place();
    writeFileSync(path, text);
    const record = await open();
    record.keep(A, NOW);
    await record.save();
    expect((await open()).of(A)?.keepUntilMs).toBe(NOW);
  });

  it('that holds nonsense of a blob takes it for never used', async () => {
    const { path, open } = place();
    writeFileSync(path, JSON.stringify({ version: 1, blobs: { [A]: { usedMs: 'x', keepUntilMs: 1e300, loaded: 1 } } }));
    expect((await open()).of(A)).toEqual({ usedMs: 0, keepUntilMs: 0, loaded: false });
  });

  it('that cannot be written is written the next time', async () => {
    const folder = join(temporaryFolder(), 'late');
    const path = join(folder, 'cache.json');
    const record = await openCacheRecord(path, silent);
    record.keep(A, NOW);
    await record.save(); // there is no such folder
    mkdirSync(folder);
    await record.save();
    expect((await openCacheRecord(path, silent)).of(A)?.keepUntilMs).toBe(NOW);
  });
});
