/**
 * A small disk under a folder of a running program: a tmpfs mounted over it, filled up and given room again.
 *
 * Needs root on Linux. Files that are open already stay where they were; new ones are made on the small disk.
 */

import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanUpAfter } from './cleanup.ts';
import { run } from './process.ts';

export interface SmallDisk {
  /** Leaves no byte free. */
  fill(): Promise<void>;
  /** Takes away what `fill` wrote. */
  empty(): Promise<void>;
  resize(mib: number): Promise<void>;
}

export async function mountSmallDisk(folder: string, mib: number): Promise<SmallDisk> {
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=700`, 'tmpfs', folder]);
  // Lazy: the program may still have files open on it.
  cleanUpAfter(async () => void (await run('umount', ['--lazy', folder])));
  const filler = join(folder, 'filler');
  return {
    fill: () => writeUntilFull(filler),
    empty: () => rm(filler),
    resize: async (to) => void (await run('mount', ['-o', `remount,size=${to}m`, folder])),
  };
}

async function writeUntilFull(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let size = 1 << 20; size >= 4096; ) {
      const isFull = await file.write(Buffer.alloc(size)).then(
        ({ bytesWritten }) => bytesWritten < size,
        ({ code }: NodeJS.ErrnoException) => code === 'ENOSPC',
      );
      if (isFull) size /= 2;
    }
  } finally {
    await file.close();
  }
}
