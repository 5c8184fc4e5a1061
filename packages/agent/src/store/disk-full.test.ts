import { spawnSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../wait.testkit.ts';
import { openBlobStore } from './blob-store.ts';
import {
  afterCrash,
  blobOf,
  fill,
  mapOnDisk,
  pieceOf,
  pieces,
  shared,
  temporaryFolder,
  testStore,
  testWorkers,
} from './store.testkit.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot && process.env.CI === 'true')
  throw new Error('CI=true and missing: the rights of root on Linux, for a small disk');
if (!isRoot) process.stderr.write('left out, missing: the rights of root on Linux, for a small disk\n');

const MIB = 1024 * 1024;

/** A disk of its own; unmounted when the test is over. */
function smallDisk(sizeMib: number): string {
  const folder = join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'shoal-test', folder]);
  if (status !== 0) throw new Error(`mount: ${stderr}`);
  onTestFinished(() => {
    spawnSync('umount', [folder]);
    rmdirSync(folder);
  });
  return folder;
}

describe.runIf(isRoot)('a disk that fills up in the middle of a blob', () => {
  it('is DISK_FULL; what was verified before is kept, and the rest goes on once there is room', async () => {
    const disk = smallDisk(80);
    const folder = join(disk, 'blobs');
    const workers = testWorkers();
    const store = await openBlobStore(folder, workers);
    onTestFinished(() => store.close());
    const blob = blobOf(8 * MIB, { pieceLength: MIB });
    const file = await fill(store, blob, [0, 1]);
    await until('the map', () => mapOnDisk(folder, blob.digest)?.held[0] === 0b1100_0000);
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, 'filler'), Buffer.alloc(bavail * bsize - MIB / 2));

    const failed = file.storePiece(5, shared(blob, pieceOf(blob, 5)));
    await expect(failed).rejects.toMatchObject({ code: 'DISK_FULL', message: expect.stringContaining(folder) });
    expect(pieces(file)).toEqual([0, 1]);
    expect(pieces((await testStore(afterCrash(folder))).get(blob.digest)!)).toEqual([0, 1]);

    rmSync(join(disk, 'filler'));
    await fill(store, blob, [2, 3, 4, 5, 6, 7]);
    expect(file.complete).toBe(true);
  });
});
