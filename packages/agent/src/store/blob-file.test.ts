import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGate, until } from '../wait.testkit.ts';
import { BlobFile, mapPath } from './blob-file.ts';
import { encodePieceMap } from './piece-map.ts';
import {
  afterCrash,
  blobOf,
  contentOf,
  dataPath,
  fill,
  ioError,
  mapOnDisk,
  PIECE,
  pieceOf,
  pieces,
  shared,
  type TestBlob,
  temporaryFolder,
  testStore,
  testWorkers,
  workersWith,
} from './store.testkit.ts';

/** Flips the first byte of a piece on disk. */
function damage(path: string, piece: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from([0xff ^ (readFileSync(path)[piece * PIECE] as number)]), 0, 1, piece * PIECE);
  closeSync(file);
}

async function heldOnDisk(folder: string, blob: TestBlob, count: number): Promise<void> {
  await until(`a map with ${count} pieces`, () => {
    const held = mapOnDisk(folder, blob.digest)?.held ?? Buffer.alloc(0);
    return countBits(held) === count;
  });
}

function countBits(bytes: Uint8Array): number {
  return [...bytes].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}

describe('a new blob', () => {
  it('takes its whole length at once and holds nothing', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const blob = blobOf(3 * PIECE + 1);
    const file = await store.open(blob);
    expect(statSync(file.path).size).toBe(blob.size);
    expect([file.held.length, file.held.count, file.complete, file.bytesHeld()]).toEqual([4, 0, false, 0]);
  });

  it.each([
    ['of no bytes', 0, 0],
    ['of one byte', 1, 1],
    ['of one piece', PIECE, 1],
    ['of a piece and a byte', PIECE + 1, 2],
    ['of a multiple of the piece length', 3 * PIECE, 3],
  ])('%s is complete once its pieces are there, and comes back byte for byte', async (_title, size, count) => {
    const blob = blobOf(size);
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const file = await fill(store, blob);
    expect([file.complete, file.held.count, file.bytesHeld()]).toEqual([true, count, size]);
    expect((await contentOf(file)).equals(blob.bytes)).toBe(true);
    await store.close();
    const again = (await testStore(folder)).get(blob.digest);
    expect([again?.complete, again?.bytesHeld()]).toEqual([true, size]);
  });

  it('larger than the free space is refused and leaves no file', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const huge = { ...blobOf(1), size: 2 ** 52, pieceLength: 2 ** 40 };
    await expect(store.open(huge)).rejects.toMatchObject({ code: 'DISK_FULL', retryable: true });
    expect(existsSync(dataPath(folder, huge.digest))).toBe(false);
    expect(store.list()).toEqual([]);
  });

  it('is refused when others that are still coming in need the room, though nothing of them is written yet', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const { bavail, bsize } = statfsSync(folder);
    const size = Math.floor(bavail * bsize * 0.6);
    const large = { size, pieceLength: 2 ** 40 };
    await store.open({ ...blobOf(1), ...large });
    await expect(store.open({ ...blobOf(2), ...large })).rejects.toMatchObject({ code: 'DISK_FULL' });
    await store.remove(blobOf(1).digest);
    await store.open({ ...blobOf(2), ...large });
  });

  it('does not inherit the map of a data file that somebody deleted', async () => {
    const folder = temporaryFolder();
    const blob = blobOf(2 * PIECE);
    const store = await testStore(folder);
    const map = encodePieceMap({ ...blob, held: Buffer.from([0b1100_0000]), clean: true });
    writeFileSync(mapPath(dataPath(folder, blob.digest)), map);
    await store.open(blob);
    const found = await testStore(afterCrash(folder));
    expect(found.get(blob.digest)?.held.count ?? 0).toBe(0);
  });
});

describe('a piece', () => {
  it('with wrong bytes never touches the disk', async () => {
    const blob = blobOf(2 * PIECE);
    const store = await testStore();
    const file = await fill(store, blob, [0]);
    expect(await file.storePiece(1, shared(blob, pieceOf(blob, 0)))).toBe(false);
    expect(await file.storePiece(0, shared(blob, pieceOf(blob, 1)))).toBe(false);
    expect(pieces(file)).toEqual([0]);
    expect(readFileSync(file.path).equals(Buffer.concat([pieceOf(blob, 0), Buffer.alloc(PIECE)]))).toBe(true);
  });

  it('is not taken before its hash is known', async () => {
    const blob = blobOf(PIECE);
    const file = await (await testStore()).open(blob);
    await expect(file.storePiece(0, shared(blob, blob.bytes))).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(pieces(file)).toEqual([]);
  });

  it.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EIO', 'STORE_FAILED'],
  ])('that meets %s is %s, and the pieces before it stay', async (code, expected) => {
    let broken = false;
    const workers = workersWith(() => {
      if (broken) throw ioError(code);
    });
    const blob = blobOf(2 * PIECE);
    const file = await fill(await testStore(temporaryFolder(), workers), blob, [0]);
    broken = true;
    const failed = file.storePiece(1, shared(blob, pieceOf(blob, 1)));
    await expect(failed).rejects.toMatchObject({ code: expected, retryable: true });
    expect(pieces(file)).toEqual([0]);
  });

  it('is claimed by the map only after its data was flushed', async () => {
    const folder = temporaryFolder();
    const gate = createGate();
    const handle = await open(join(folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const datasync = prototype.datasync;
    const flushed: number[] = [];
    const spy = vi.spyOn(prototype, 'datasync').mockImplementation(async function (this: FileHandle) {
      flushed.push((await this.stat()).ino);
      if (flushed.length === 1) await gate.opened;
      return datasync.call(this);
    });
    onTestFinished(() => {
      gate.open();
      spy.mockRestore();
    });
    const blob = blobOf(PIECE);
    const store = await testStore(folder);
    await fill(store, blob);
    await until('the first flush', () => flushed.length > 0);
    expect(flushed).toEqual([statSync(dataPath(folder, blob.digest)).ino]);
    expect(existsSync(mapPath(dataPath(folder, blob.digest)))).toBe(false);
    gate.open();
    await heldOnDisk(folder, blob, 1);
  });

  it('that is still being written is not in the map', async () => {
    const gate = createGate();
    const workers = workersWith((task) => (task.position === 0 ? undefined : gate.opened));
    const folder = temporaryFolder();
    const blob = blobOf(2 * PIECE);
    const file = await fill(await testStore(folder, workers), blob, [0]);
    const second = file.storePiece(1, shared(blob, pieceOf(blob, 1)));
    await heldOnDisk(folder, blob, 1);
    gate.open();
    expect(await second).toBe(true);
    await heldOnDisk(folder, blob, 2);
  });
});

describe('a blob that is closed or removed', () => {
  it.each(['close', 'remove'] as const)(
    '(%s) waits for the pieces being written: its fd may be another file’s next',
    async (end) => {
      const workers = testWorkers(1);
      const store = await testStore(temporaryFolder(), workers);
      const blob = blobOf(16 * PIECE);
      const file = await store.open(blob);
      file.addHashes(0, blob.hashes);
      const stored = Array.from({ length: 16 }, (_, piece) =>
        file.storePiece(piece, shared(blob, pieceOf(blob, piece))),
      );
      const ends = file[end]();
      expect(await Promise.all(stored)).toEqual(new Array(16).fill(true));
      await ends;
    },
  );

  it('takes no more pieces', async () => {
    const store = await testStore();
    const blob = blobOf(PIECE);
    const file = await store.open(blob);
    file.addHashes(0, blob.hashes);
    await file.close();
    await expect(file.storePiece(0, shared(blob, blob.bytes))).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('leaves no file behind when removed', async () => {
    const folder = temporaryFolder();
    const store = await testStore(folder);
    const blob = blobOf(PIECE);
    const file = await fill(store, blob);
    await heldOnDisk(folder, blob, 1);
    await store.remove(blob.digest);
    expect([existsSync(file.path), existsSync(mapPath(file.path)), store.get(blob.digest)]).toEqual([
      false,
      false,
      undefined,
    ]);
  });
});

describe('after a crash', () => {
  async function crashed(blob: TestBlob, held: number[]): Promise<string> {
    const folder = temporaryFolder();
    await fill(await testStore(folder), blob, held);
    await heldOnDisk(folder, blob, held.length);
    return afterCrash(folder);
  }

  it('a blob is resumed with what its map claims, hashes and all', async () => {
    const blob = blobOf(4 * PIECE - 5);
    const folder = await crashed(blob, [0, 3]);
    const file = (await testStore(folder)).get(blob.digest) as BlobFile;
    expect(pieces(file)).toEqual([0, 3]);
    expect(file.hashes.equals(blob.hashes)).toBe(true);
    expect(file.bytesHeld()).toBe(2 * PIECE - 5);
  });

  it('a claimed piece whose bytes are others is not believed', async () => {
    const blob = blobOf(4 * PIECE);
    const folder = await crashed(blob, [0, 1, 3]);
    damage(dataPath(folder, blob.digest), 1);
    expect(pieces((await testStore(folder)).get(blob.digest) as BlobFile)).toEqual([0, 3]);
  });

  it('a claimed piece that cannot be read is not believed, and the store opens', async () => {
    const blob = blobOf(3 * PIECE);
    const folder = await crashed(blob, [0, 1, 2]);
    const workers = workersWith((task) => {
      if (task.kind === 'check' && task.position === PIECE) throw ioError('EIO');
    });
    expect(pieces((await testStore(folder, workers)).get(blob.digest) as BlobFile)).toEqual([0, 2]);
  });

  it.each([
    ['shorter', -1],
    ['longer', 1],
  ])('nothing in a data file that is %s than its blob is believed, and it gets its length back', async (_title, by) => {
    const blob = blobOf(3 * PIECE);
    const folder = await crashed(blob, [0, 1, 2]);
    truncateSync(dataPath(folder, blob.digest), blob.size + by);
    const file = (await testStore(folder)).get(blob.digest) as BlobFile;
    expect(pieces(file)).toEqual([]);
    expect(statSync(file.path).size).toBe(blob.size);
  });

  it('finds no map that says clean of a half blob that was opened again; a whole one stays clean', async () => {
    const [half, whole] = [blobOf(2 * PIECE), blobOf(3 * PIECE)];
    const folder = temporaryFolder();
    const store = await testStore(folder);
    await fill(store, half, [0]);
    await fill(store, whole);
    await store.close();
    await testStore(folder);
    expect(mapOnDisk(folder, half.digest)?.clean).toBe(false);
    expect(mapOnDisk(folder, whole.digest)?.clean).toBe(true);
  });
});

describe('after a stop in order', () => {
  async function stopped(size: number) {
    const blob = blobOf(size);
    const folder = temporaryFolder();
    const store = await testStore(folder);
    await fill(store, blob);
    await store.close();
    return { blob, folder };
  }

  it('only a sample of the pieces is hashed again', async () => {
    const { blob, folder } = await stopped(64 * PIECE);
    const checks: number[] = [];
    const workers = workersWith((task) => void (task.kind === 'check' && checks.push(task.position)));
    expect((await testStore(folder, workers)).get(blob.digest)?.complete).toBe(true);
    expect(checks.length).toBe(8);
  });

  it('a bad piece in the sample has all of them hashed again', async () => {
    const { blob, folder } = await stopped(32 * PIECE);
    const path = dataPath(folder, blob.digest);
    const bytes = readFileSync(path);
    for (const piece of [0, 3]) bytes.fill(0xee, piece * PIECE, (piece + 1) * PIECE);
    writeFileSync(path, bytes);
    const file = (await testStore(folder)).get(blob.digest) as BlobFile;
    expect(file.held.count).toBe(30);
    expect([file.held.has(0), file.held.has(3)]).toEqual([false, false]);
  });
});

it('hashes are appended in order: overlaps count once, a gap is ignored', async () => {
  const blob = blobOf(4 * PIECE);
  const file = await (await testStore()).open(blob);
  expect(file.addHashes(1, blob.hashes.subarray(32, 64))).toBe(0);
  expect(file.addHashes(0, blob.hashes.subarray(0, 64))).toBe(2);
  expect(file.addHashes(1, blob.hashes.subarray(32, 96))).toBe(3);
  expect(file.addHashes(0, blob.hashes.subarray(0, 32))).toBe(3);
  expect(file.hashes.equals(blob.hashes.subarray(0, 96))).toBe(true);
  expect([file.hashOf(2), file.hashOf(3)]).toEqual([blob.hashes.toString('hex', 64, 96), undefined]);
});

it('a file that cannot be made is STORE_FAILED with its path', async () => {
  const path = join(temporaryFolder(), 'nowhere', 'x.blob');
  const made = BlobFile.create(path, blobOf(1), { workers: testWorkers(), promisedBytes: 0 });
  await expect(made).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('nowhere') });
});
