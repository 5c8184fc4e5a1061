/**
 * The files of a host, or of an image below `--root`: read, written as a whole, taken away. Decides nothing but that a
 * file is the old one or the new one at any moment, and that links do not lead out of the root.
 */
import * as fs from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { digestOf } from '@shoal/oci';
import { CliError } from '../errors.ts';
import type { FileState } from './backup.ts';
import { badHostFile } from './setup-errors.ts';

export type Attributes = Pick<FileState, 'mode'> & Partial<Pick<FileState, 'uid' | 'gid'>>;

/** All paths are those on the host, without the root. */
export interface HostFiles {
  bytes(path: string): Buffer | undefined;
  text(path: string): string | undefined;
  state(path: string): FileState | undefined;
  list(folder: string): string[] | undefined;
  /** Folders above it that are not there yet, outer ones first. */
  missingFolders(path: string): string[];
  write(path: string, bytes: Uint8Array, attributes: Attributes): void;
  remove(path: string): void;
  removeFolderIfEmpty(folder: string): void;
}

/** All throw CliError UNREADABLE_FILE, UNWRITABLE_FILE. */
export function openHostFiles(root: string): HostFiles {
  const placeOf = (path: string): string => placeBelow(root, path);
  const files: HostFiles = {
    bytes: (path) => reading(path, () => fs.readFileSync(placeOf(path))),
    text: (path) => {
      const bytes = files.bytes(path);
      return bytes && decoded(bytes, path);
    },
    state: (path) => {
      const bytes = files.bytes(path);
      if (bytes === undefined) return undefined;
      const { mode, uid, gid } = fs.statSync(placeOf(path));
      return { digest: digestOf(bytes), mode: mode & 0o7777, uid, gid };
    },
    list: (folder) => reading(folder, () => fs.readdirSync(placeOf(folder)).sort()),
    missingFolders: (path) => {
      const missing: string[] = [];
      for (let at = dirname(path); !fs.existsSync(join(root, at)); at = dirname(at)) missing.unshift(at);
      return missing;
    },
    write: (path, bytes, attributes) => writing(path, () => replace(placeOf(path), bytes, attributes)),
    remove: (path) => writing(path, () => fs.rmSync(placeOf(path), { force: true })),
    removeFolderIfEmpty: (folder) => {
      try {
        fs.rmdirSync(join(root, folder));
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) throw unwritable(folder, error);
      }
    },
  };
  return files;
}

/** Where a link leads, so that the link stays one; in an image it must not lead to files of this host. */
function placeBelow(root: string, path: string): string {
  const place = join(root, path);
  if (!isThere(place)) return place;
  const real = fs.realpathSync(place);
  const top = fs.realpathSync(root);
  if (top === sep || real.startsWith(`${top}${sep}`)) return real;
  throw new CliError('UNWRITABLE_FILE', `${place} is a link out of ${root}; replace it by a file.`);
}

function isThere(place: string): boolean {
  return fs.lstatSync(place, { throwIfNoEntry: false }) !== undefined;
}

/** Written beside it and renamed over it. */
function replace(place: string, bytes: Uint8Array, { mode, uid, gid }: Attributes): void {
  fs.mkdirSync(dirname(place), { recursive: true });
  const part = `${place}.shoal-part`;
  fs.rmSync(part, { force: true });
  const file = fs.openSync(part, 'wx', mode);
  try {
    fs.writeFileSync(file, bytes);
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
  // After the umask had its say.
  fs.chmodSync(part, mode);
  if (uid !== undefined && gid !== undefined && process.getuid?.() === 0) fs.chownSync(part, uid, gid);
  fs.renameSync(part, place);
}

function reading<T>(path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new CliError('UNREADABLE_FILE', `${path} cannot be read (${code}). Run this as root.`, { cause: error });
  }
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw error instanceof CliError ? error : unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): CliError {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const next = 'Run this as root, then again; what was written so far goes back with "shoal setup --undo".';
  return new CliError('UNWRITABLE_FILE', `${path} cannot be written (${code}). ${next}`, { cause: error });
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badHostFile({ path, line: 1, column: 1 }, 'is not UTF-8 text');
  }
}
