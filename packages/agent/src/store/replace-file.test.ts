import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { replaceFile, retryWhileHeld } from './replace-file.ts';
import { ioError, temporaryFolder } from './store.testkit.ts';

function failing(times: number, code: string) {
  const work = async (): Promise<void> => {
    work.calls++;
    if (work.calls <= times) throw ioError(code);
  };
  work.calls = 0;
  return work;
}

it.each(['EPERM', 'EBUSY', 'EACCES'])('on Windows a file that a scanner holds (%s) is tried again', async (code) => {
  const work = failing(2, code);
  await retryWhileHeld(work, 'win32');
  expect(work.calls).toBe(3);
});

it('on Windows a file that stays held fails in the end, with the system’s error', async () => {
  const work = failing(Number.POSITIVE_INFINITY, 'EBUSY');
  await expect(retryWhileHeld(work, 'win32')).rejects.toMatchObject({ code: 'EBUSY' });
  expect(work.calls).toBeGreaterThan(5);
});

it('on Windows what is no hold fails at once', async () => {
  const work = failing(1, 'ENOSPC');
  await expect(retryWhileHeld(work, 'win32')).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(work.calls).toBe(1);
});

it.each(['linux', 'darwin'])('on %s EACCES means what it says and fails at once', async (platform) => {
  const work = failing(1, 'EACCES');
  await expect(retryWhileHeld(work, platform)).rejects.toMatchObject({ code: 'EACCES' });
  expect(work.calls).toBe(1);
});

it('a replaced file has the new bytes, and nothing else is left', async () => {
  const folder = temporaryFolder();
  await replaceFile(join(folder, 'a'), Buffer.from('old and longer'));
  await replaceFile(join(folder, 'a'), Buffer.from('new'));
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('new');
  expect(readdirSync(folder)).toEqual(['a']);
});
