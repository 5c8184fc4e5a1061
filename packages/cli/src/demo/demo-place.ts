/**
 * Where the demo puts its files: a folder under TMPDIR with room enough. Decides how much room a run needs and what is
 * said when there is less.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../errors.ts';

const SLACK_BYTES = 500e6;
const NEXT = 'Set TMPDIR to a folder on a larger disk or take fewer --agents.';

/** Throws CliError UNWRITABLE_FILE, NO_SPACE. */
export async function makeDemoFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'shoal-demo-'));
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (isDiskFull(error)) throw diskFull(error);
    const message = `no folder can be made in ${tmpdir()} (${code}). Set TMPDIR to a folder this account may write to.`;
    throw new CliError('UNWRITABLE_FILE', message, { cause: error });
  }
}

/** True when nothing is left of it. */
export async function removeDemoFolder(folder: string): Promise<boolean> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5 }).then(
    () => true,
    () => false,
  );
}

/** For a process that is ended at once, by a second Ctrl-C. Returns what takes it back. */
export function removeAtExit(folder: string): () => void {
  const remove = () => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Windows does not remove what is still open.
    }
  };
  process.once('exit', remove);
  return () => process.off('exit', remove);
}

/** `copies` besides those of the agents, who hold the blobs and the archive each. Throws CliError NO_SPACE. */
export async function requireSpace(
  folder: string,
  { imageBytes, copies, agents }: { imageBytes: number; copies: number; agents: number },
): Promise<void> {
  const neededBytes = imageBytes * (copies + 2 * agents) + SLACK_BYTES;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= neededBytes) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new CliError(
    'NO_SPACE',
    `the demo needs ${gigabytes(neededBytes)} in ${tmpdir()}, ${gigabytes(bavail * bsize)} are free. ${NEXT}`,
  );
}

export function diskFull(cause: unknown): CliError {
  return new CliError('NO_SPACE', `the disk of ${tmpdir()} is full. ${NEXT}`, { cause });
}

/** Also as the cause of another error. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return /^(ENOSPC|EDQUOT|SQLITE_FULL)$/.test(String(code)) || isDiskFull(error.cause);
}
