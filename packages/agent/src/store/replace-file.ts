/**
 * Where the agent renames and deletes files: waits a little for a scanner that holds one (Windows). Replaces a small file
 * as a whole: written beside it, flushed, then renamed over it, so that a crash leaves the old or the new one.
 */
import { open, rename, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const RENAME_ATTEMPTS = 20;
const RENAME_DELAY_MS = 100;
const HELD = new Set(['EPERM', 'EBUSY', 'EACCES']);

export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const partPath = `${path}.part`;
  const file = await open(partPath, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await renameFile(partPath, path);
}

/** Over what is there. */
export async function renameFile(from: string, to: string): Promise<void> {
  await retryWhileHeld(() => rename(from, to));
}

/** One that is not there is no error. */
export async function removeFile(path: string): Promise<void> {
  await retryWhileHeld(() => rm(path, { force: true }));
}

/** Only Windows refuses to rename or delete a file that is open elsewhere; `platform` is for tests. */
export async function retryWhileHeld(work: () => Promise<void>, platform: string = process.platform): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const held = platform === 'win32' && HELD.has((error as NodeJS.ErrnoException).code ?? '');
      if (!held || attempt === RENAME_ATTEMPTS) throw error;
      await delay(RENAME_DELAY_MS);
    }
  }
}
