import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openWithLength, type SparseHost } from './sized-file.ts';
import { temporaryFolder } from './store.testkit.ts';

const LENGTH = 64 * 1024 * 1024;

async function opened(platform: string, { flags = 'w+' as const, length = LENGTH, fails = false } = {}) {
  const path = join(temporaryFolder(), 'a.blob');
  const ran: string[][] = [];
  const host: SparseHost = {
    platform,
    run: async (program, args) => {
      ran.push([program, ...args, `${statSync(path).size} bytes`]);
      if (fails) throw new Error('not on this file system');
    },
  };
  const file = await openWithLength(path, { flags, length }, host);
  onTestFinished(() => file.close());
  return { path, ran, stat: statSync(path) };
}

describe('a data file', () => {
  it('has its whole length at once and takes no room', async () => {
    const { ran, stat } = await opened(process.platform === 'win32' ? 'win32' : 'linux');
    expect(stat.size).toBe(LENGTH);
    if (process.platform !== 'win32') expect([ran, stat.blocks]).toEqual([[], 0]);
  });

  it('is told to be sparse on Windows while it is empty, where that is worth a process', async () => {
    const { path, ran, stat } = await opened('win32');
    expect(ran).toEqual([['fsutil', 'sparse', 'setflag', path, '0 bytes']]);
    expect(stat.size).toBe(LENGTH);
    expect((await opened('win32', { length: 1024 })).ran).toEqual([]);
  });

  it('is there all the same where the file system cannot', async () => {
    expect((await opened('win32', { fails: true })).stat.size).toBe(LENGTH);
  });
});
