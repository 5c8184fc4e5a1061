/**
 * Opens a data file with its whole length at once, as a sparse file. On Linux every file is; on Windows one must be told
 * to be, or NTFS writes zeros up to each piece that comes before those in front of it, and takes the room at once.
 */
import { execFile } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';

/** For less it is not worth a process. */
const WORTH_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 10_000;

export interface SparseHost {
  platform: string;
  /** Runs a program to its end. */
  run(program: string, args: readonly string[]): Promise<unknown>;
}

const THIS_HOST: SparseHost = {
  platform: process.platform,
  run: (program, args) => promisify(execFile)(program, [...args], { timeout: TIMEOUT_MS, windowsHide: true }),
};

/** `w+`: a new, empty one. Throws the system's error. */
export async function openWithLength(
  path: string,
  { flags, length }: { flags: 'w+' | 'r+'; length: number },
  host = THIS_HOST,
): Promise<FileHandle> {
  const file = await open(path, flags, 0o600);
  try {
    if (flags === 'w+' && length >= WORTH_BYTES) await makeSparse(path, host);
    await file.truncate(length);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Node has no call for it. A file system that cannot is only slower. */
async function makeSparse(path: string, { platform, run }: SparseHost): Promise<void> {
  if (platform === 'win32') await run('fsutil', ['sparse', 'setflag', path]).catch(() => {});
}
