/** `shoal backup` and `shoal restore`: the tracker's database to a file, while it runs, and back, while it does not. */
import { join, resolve } from 'node:path';
import { type BackupFacts, BEFORE_RESTORE_FILE, backupTracker, restoreTracker } from '@shoal/tracker';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import { formatBytes } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { addTrackerPlace, type TrackerPlaceFlags, trackerDataDir } from '../people/tracker-place.ts';

type Flags = TrackerPlaceFlags & { json: boolean };

export function backupCommand(io: Io): Command {
  const command = new Command('backup')
    .description("copy the database of this host's tracker to a file, whether the tracker runs or not")
    .argument('<file>', 'a new file; keep it as secret as the database, the private key is in it');
  return addTrackerPlace(command).action(async (file: string, { json, ...flags }: Flags) => {
    const dataDir = trackerDataDir(flags, io);
    const path = resolve(io.cwd, file);
    const facts = await told(path, () => backupTracker(dataDir, path));
    io.stdout(json ? `${JSON.stringify({ file: path, ...facts })}\n` : `${path}\n`);
    if (!json) io.stderr(`${describe(facts)} copied from ${dataDir}\n`);
  });
}

export function restoreCommand(io: Io): Command {
  const command = new Command('restore')
    .description("bring a backup back as the database of this host's tracker, which must not run")
    .argument('<file>', 'as "shoal backup" wrote it');
  return addTrackerPlace(command).action(async (file: string, { json, ...flags }: Flags) => {
    const dataDir = trackerDataDir(flags, io);
    const path = resolve(io.cwd, file);
    const facts = await told(path, () => restoreTracker(path, dataDir));
    io.stdout(json ? `${JSON.stringify({ dataDir, ...facts })}\n` : `${dataDir}\n`);
    if (json) return;
    io.stderr(`${describe(facts)} restored; what was there is ${join(dataDir, BEFORE_RESTORE_FILE)}\n`);
    io.stderr(AFTER);
  });
}

const AFTER = `Since the backup was made: tokens made then are unknown, tokens revoked then are good again ("shoal token list"),
orders given then are gone, jobs that ended then go on and end again, policies applied then are not in force.
`;

function describe({ bytes, schemaVersion }: BackupFacts): string {
  return `${formatBytes(bytes)}, schema ${schemaVersion},`;
}

/** The errors of the system in words. */
async function told<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new CliError('UNWRITABLE_FILE', `${path} is there already; give a new name.`, { cause });
    if (code === 'ENOENT') throw new CliError('UNREADABLE_FILE', `${path} is not there; correct its name.`, { cause });
    if (/^(EACCES|EPERM|EROFS|ENOSPC)$/.test(code))
      throw new CliError('UNWRITABLE_FILE', `${(cause as Error).message}. Run this as the tracker's account.`, {
        cause,
      });
    throw cause;
  }
}
