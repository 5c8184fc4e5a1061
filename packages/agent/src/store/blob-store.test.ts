import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestHex } from '@shoal/oci';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mapPath } from './blob-file.ts';
import { openBlobStore } from './blob-store.ts';
import { blobOf, dataPath, fill, PIECE, temporaryFolder, testStore, testWorkers } from './store.testkit.ts';

describe('the lock', () => {
  it('of another process that lives keeps this one out, by name', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'lock'), String(process.ppid));
    const opened = openBlobStore(folder, testWorkers());
    await expect(opened).rejects.toMatchObject({
      code: 'STORE_BUSY',
      retryable: false,
      message: expect.stringContaining(`process ${process.ppid}`),
    });
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe(String(process.ppid));
  });

  it.each([
    ['a process that has ended', () => String(spawnSync(process.execPath, ['-e', '']).pid)],
    ['this process id before a restart', () => String(process.pid)],
    ['nobody', () => 'not a number'],
  ])('of %s is taken over', async (_title, owner) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'lock'), owner());
    await testStore(folder);
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe(String(process.pid));
  });

  it('is gone after the store is closed, and after it could not be opened', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    await store.close();
    expect(existsSync(join(folder, 'lock'))).toBe(false);
    mkdirSync(dataPath(folder, blobOf(1).digest)); // a folder where a file should be
    await expect(openBlobStore(folder, testWorkers())).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(existsSync(join(folder, 'lock'))).toBe(false);
  });
});

describe('at start', () => {
  it('a data file without a map is deleted: nothing in it can be believed', async () => {
    const folder = temporaryFolder();
    const blob = blobOf(PIECE);
    writeFileSync(dataPath(folder, blob.digest), blob.bytes);
    const store = await testStore(folder);
    expect(store.list()).toEqual([]);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it.each([
    ['garbage', () => Buffer.from([0, 1, 2, 255])],
    ['empty', () => Buffer.alloc(0)],
    ['null', () => Buffer.from('null')],
    ['cut off', (map: Buffer) => map.subarray(0, map.length - 10)],
    ['of another version', (map: Buffer) => Buffer.from(map.toString().replace('"version":1', '"version":2'))],
    ['of another blob', (map: Buffer) => Buffer.from(map.toString().replace(/sha256:[0-9a-f]{8}/, 'sha256:00000000'))],
    ['with too many pieces', (map: Buffer) => Buffer.from(map.toString().replace(/"held":"[^"]*"/, '"held":"////"'))],
    ['with half a hash', (map: Buffer) => Buffer.from(map.toString().replace(/"hashes":"[^"]*"/, '"hashes":"AAAA"'))],
  ])('a map that is %s is no map: the blob is fetched anew and both files are gone', async (_title, spoil) => {
    const folder = temporaryFolder();
    const blob = blobOf(2 * PIECE);
    const first = await testStore(folder);
    await fill(first, blob);
    await first.close();
    const path = mapPath(dataPath(folder, blob.digest));
    writeFileSync(path, spoil(readFileSync(path)));
    const store = await testStore(folder);
    expect(store.get(blob.digest)).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['lock']);
    const file = await fill(store, blob);
    expect(file.complete).toBe(true);
  });

  it('other files in the folder are left alone', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    await testStore(folder);
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('mine');
  });
});

describe('a blob', () => {
  it('has one owner: opened twice at once it is one file', async () => {
    const store = await testStore();
    const blob = blobOf(PIECE);
    const [one, two] = await Promise.all([store.open(blob), store.open(blob)]);
    expect(one).toBe(two);
    expect(await store.open(blob)).toBe(one);
    expect(store.list()).toHaveLength(1);
  });

  it('with another size or piece length is a conflict, and the one on disk stays', async () => {
    const store = await testStore();
    const blob = blobOf(2 * PIECE);
    const file = await fill(store, blob);
    await expect(store.open({ ...blob, size: 7 })).rejects.toMatchObject({ code: 'BLOB_CONFLICT' });
    await expect(store.open({ ...blob, pieceLength: 2 * PIECE })).rejects.toMatchObject({ code: 'BLOB_CONFLICT' });
    expect(store.get(blob.digest)).toBe(file);
    expect(file.complete).toBe(true);
  });

  it('is named by its digest', async () => {
    const folder = temporaryFolder();
    const blob = blobOf(1);
    await (await testStore(folder)).open(blob);
    expect(readdirSync(folder).sort()).toEqual([`${digestHex(blob.digest)}.blob`, 'lock'].sort());
  });

  it('that was removed can be made again', async () => {
    const store = await testStore();
    const blob = blobOf(PIECE);
    await fill(store, blob);
    await store.remove(blob.digest);
    await store.remove(blob.digest);
    expect((await store.open(blob)).held.count).toBe(0);
  });
});

describe('room for a blob', () => {
  it('is asked for before its file is begun, for all that are being begun', async () => {
    const folder = temporaryFolder();
    const asked: [number, number][] = [];
    const store = await openBlobStore(folder, testWorkers(), {
      makeRoom: async (bytes) => void asked.push([bytes, readdirSync(folder).length]),
    });
    onTestFinished(() => store.close());
    const [a, b] = [blobOf(1000, { mark: 'a' }), blobOf(10, { mark: 'b' })];
    await Promise.all([store.open(a), store.open(b), store.open(a)]);
    await store.open(a);
    const lockOnly = 1;
    expect(asked).toEqual([
      [1010, lockOnly],
      [1010, lockOnly],
    ]);
  });
});

describe('a blob that is removed', () => {
  it('and begun again at once keeps its new file', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const blob = blobOf(2 * PIECE);
    for (let turn = 0; turn < 20; turn++) {
      await fill(store, blob, [0]);
      const removing = store.remove(blob.digest);
      const again = await store.open(blob);
      await removing;
      expect([again.held.count, existsSync(again.path)]).toEqual([0, true]);
    }
  });

  it('without its files being deletable is in no list, and they are deleted later', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const blob = blobOf(PIECE);
    const { path } = await fill(store, blob);
    rmSync(path);
    mkdirSync(path); // what cannot be deleted like a file
    await expect(store.remove(blob.digest)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(store.list()).toEqual([]);
    expect(await store.removeLeftovers()).toBe(PIECE);
    rmdirSync(path);
    writeFileSync(path, 'released');
    expect(await store.removeLeftovers()).toBe(0);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it('and begun again is no leftover any more', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const blob = blobOf(PIECE);
    const { path } = await fill(store, blob);
    rmSync(path);
    mkdirSync(path);
    await expect(store.remove(blob.digest)).rejects.toThrow();
    rmdirSync(path);
    await fill(store, blob);
    await store.removeLeftovers();
    expect(existsSync(path)).toBe(true);
  });
});
