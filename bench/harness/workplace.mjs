/*
 * Where a bench keeps its files: a folder in memory (tmpfs) or on a disk, checked for room first and removed afterwards.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatBytes, GIB, MIB } from './bytes.mjs';
import { cleanUpAfter } from './cleanup.mjs';
import { BenchError } from './errors.mjs';
import { availableMemoryBytes } from './proc.mjs';

const TMPFS_MAGIC = 0x01021994;
const SHARED_MEMORY = '/dev/shm';
/** For the programs themselves, beside the files. */
const PROCESS_BYTES = 1.5 * GIB;
const DISK_MARGIN_BYTES = 256 * MIB;

/** A folder on tmpfs with room for `needBytes`. @param {number} needBytes @returns {string} */
export function openMemoryFolder(needBytes) {
  const available = availableMemoryBytes();
  if (available < needBytes + PROCESS_BYTES) {
    throw new BenchError(
      `the files of this bench take ${formatBytes(needBytes)} of memory and the programs ${formatBytes(PROCESS_BYTES)}; ` +
        `${formatBytes(available)} are available. Take a smaller --size, or fewer rows with --only.`,
    );
  }
  if (isTmpfs(SHARED_MEMORY) && freeBytes(SHARED_MEMORY) > needBytes) return temporaryFolder(SHARED_MEMORY);
  if (process.getuid?.() === 0) return mountMemory(needBytes);
  throw new BenchError(
    `${SHARED_MEMORY} is no tmpfs with ${formatBytes(needBytes)} of room. Run as root (the bench then mounts one of ` +
      'its own), take a smaller --size, or fewer rows with --only.',
  );
}

/** A folder on a disk, under `parent` or where temporary files go. @param {number} needBytes @param {string | undefined} parent */
export function openDiskFolder(needBytes, parent) {
  const place = path.resolve(parent ?? tmpdir());
  mkdirSync(place, { recursive: true });
  if (isTmpfs(place)) throw new BenchError(`${place} is in memory; name a folder on a disk with --dir.`);
  const free = freeBytes(place);
  if (free < needBytes + DISK_MARGIN_BYTES) {
    throw new BenchError(
      `the files of this bench take ${formatBytes(needBytes)} in ${place}, where ${formatBytes(free)} are free. ` +
        'Name another folder with --dir, or a smaller --size.',
    );
  }
  return temporaryFolder(place);
}

/** In memory where there is plenty: hosts have a disk each, and here all would wait for one. @param {number} needBytes @param {string | undefined} parent */
export function openRoomyFolder(needBytes, parent) {
  const isPlenty = parent === undefined && availableMemoryBytes() > 1.5 * needBytes + PROCESS_BYTES;
  return isPlenty ? openMemoryFolder(needBytes) : openDiskFolder(needBytes, parent);
}

/** @param {string} parent */
function temporaryFolder(parent) {
  const folder = mkdtempSync(path.join(parent, 'shoal-bench-'));
  cleanUpAfter(() => removeFolder(folder));
  return folder;
}

/** @param {number} sizeBytes */
function mountMemory(sizeBytes) {
  const folder = mkdtempSync(path.join(tmpdir(), 'shoal-bench-'));
  cleanUpAfter(() => removeFolder(folder));
  run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes + DISK_MARGIN_BYTES},mode=700`, 'shoal-bench', folder]);
  cleanUpAfter(() => run('umount', ['--lazy', folder]));
  return folder;
}

/** @param {string} folder */
export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new BenchError(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** @param {string} folder */
function isTmpfs(folder) {
  try {
    return statfsSync(folder).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}

/** @param {string} folder */
function freeBytes(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
