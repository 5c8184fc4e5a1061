/**
 * Carries a plan out, and takes it back: copies first, then the manifest, then the files one by one, so that a setup that
 * is cut off anywhere can be repeated or undone.
 */
import { digestOf } from '@shoal/oci';
import { CliError } from '../errors.ts';
import { type KeptFile, type Manifest, undoOf, withWriting } from './backup.ts';
import type { HostFiles } from './host-files.ts';
import type { Plan, Program } from './plan.ts';

/** Where the copies of old files lie. */
export interface Keeping {
  files: HostFiles;
  /** `<dataDir>/setup`. */
  folder: string;
}

export type Change = 'new' | 'changed' | 'none';

export interface AppliedFile {
  path: string;
  change: Change;
  before: string;
  after: string;
  afterwards?: string | undefined;
}

export interface UndoneFile {
  path: string;
  result: 'restored' | 'removed' | 'as it was' | 'refused';
  afterwards?: string | undefined;
}

const PUBLIC = 0o644;
const PRIVATE = 0o600;
const MANIFEST = 'manifest.json';

/** Writes nothing. */
export function compare({ files: planned }: Plan, files: HostFiles): AppliedFile[] {
  return planned.map(({ path, content, afterwards }) => {
    const before = files.text(path);
    const change = before === undefined ? 'new' : before === content ? 'none' : 'changed';
    return { path, change, before: before ?? '', after: content, afterwards };
  });
}

export function readManifest({ files, folder }: Keeping): Manifest {
  const path = `${folder}/${MANIFEST}`;
  const text = files.text(path);
  if (text === undefined) return { version: 1, files: [], folders: [] };
  const manifest = parsed(text);
  if (manifest?.version === 1) return manifest;
  throw new CliError(
    'BAD_HOST_FILE',
    `${path} is not one that this version of shoal reads; the copies beside it are whole.`,
  );
}

function parsed(text: string): Manifest | undefined {
  try {
    return JSON.parse(text) as Manifest;
  } catch {
    return undefined;
  }
}

/** `changes` as `compare` told them. */
export function applyPlan({ program }: Plan, changes: readonly AppliedFile[], keeping: Keeping): void {
  const { files, folder } = keeping;
  const todo = changes.filter(({ change }) => change !== 'none');
  if (todo.length === 0) return;
  let manifest = readManifest(keeping);
  manifest = withFolders(manifest, files.missingFolders(`${folder}/${MANIFEST}`));
  for (const { path, after, afterwards } of todo) {
    const known = manifest.files.some((file) => file.path === path);
    const wanted = digestOf(Buffer.from(after));
    manifest = withWriting(manifest, { program, path, now: files.state(path), wanted, afterwards });
    manifest = withFolders(manifest, files.missingFolders(path));
    const copy = manifest.files.find((file) => file.path === path)?.old?.copy;
    const bytes = files.bytes(path);
    if (!known && copy !== undefined && bytes !== undefined) files.write(`${folder}/${copy}`, bytes, { mode: PRIVATE });
  }
  writeManifest(manifest, keeping);
  for (const { path, after } of todo) files.write(path, Buffer.from(after), files.state(path) ?? { mode: PUBLIC });
}

function withFolders(manifest: Manifest, made: readonly string[]): Manifest {
  return { ...manifest, folders: [...new Set([...manifest.folders, ...made])] };
}

/** With `dryRun` only tells what it would do. */
export function undo(
  programs: readonly Program[],
  keeping: Keeping,
  { force, dryRun }: { force: boolean; dryRun: boolean },
): UndoneFile[] {
  const { files } = keeping;
  const manifest = readManifest(keeping);
  const asked = manifest.files.filter(({ program }) => programs.includes(program));
  const undone = asked.toReversed().map((file): UndoneFile => {
    const { path, afterwards } = file;
    const what = undoOf(file, files.state(path), force);
    if (what === 'remove' && !dryRun) files.remove(path);
    if (what === 'restore' && !dryRun) restore(file, keeping);
    return { path, result: RESULTS[what], afterwards: what === 'nothing' ? undefined : afterwards };
  });
  const done = undone.filter(({ result }) => result !== 'refused').map(({ path }) => path);
  if (!dryRun && done.length > 0) forget(manifest, done, keeping);
  return undone;
}

const RESULTS = { restore: 'restored', remove: 'removed', nothing: 'as it was', refuse: 'refused' } as const;

function restore({ path, old }: KeptFile, { files, folder }: Keeping): void {
  const bytes = old && files.bytes(`${folder}/${old.copy}`);
  if (bytes === undefined || digestOf(bytes) !== old?.digest) {
    const copy = `${folder}/${old?.copy}`;
    throw new CliError('BAD_HOST_FILE', `${copy}, the copy of ${path}, is damaged; mend ${path} by hand.`);
  }
  files.write(path, bytes, old);
}

/** What is done; with the last file the manifest goes, and each folder that was made, unless something else is in it. */
function forget(manifest: Manifest, done: readonly string[], keeping: Keeping): void {
  const { files, folder } = keeping;
  const left = manifest.files.filter(({ path }) => !done.includes(path));
  if (left.length > 0) writeManifest({ ...manifest, files: left }, keeping);
  else files.remove(`${folder}/${MANIFEST}`);
  for (const { path, old } of manifest.files)
    if (old !== undefined && done.includes(path)) files.remove(`${folder}/${old.copy}`);
  const innerFirst = manifest.folders.toSorted((a, b) => b.length - a.length);
  for (const made of innerFirst) files.removeFolderIfEmpty(made);
}

function writeManifest(manifest: Manifest, { files, folder }: Keeping): void {
  files.write(`${folder}/${MANIFEST}`, Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`), { mode: PRIVATE });
}
