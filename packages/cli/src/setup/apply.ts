/**
 * Carries a plan out, and takes it back: copies first, then the manifest, then the files one by one, so that a setup that
 * is cut off anywhere can be repeated or undone.
 */
import { digestOf } from '@shoal/oci';
import { CliError } from '../errors.ts';
import { type Manifest, undoOf, withWriting } from './backup.ts';
import type { HostFiles } from './host-files.ts';
import type { Plan, Program } from './plan.ts';

/** Where the copies of a program's files lie. */
export interface Keeping {
  files: HostFiles;
  /** `<dataDir>/setup/<program>`. */
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

export function readManifest(program: Program, { files, folder }: Keeping): Manifest {
  const path = `${folder}/${MANIFEST}`;
  const text = files.text(path);
  if (text === undefined) return { version: 1, program, files: [], folders: [] };
  const manifest = parsed(text);
  if (manifest?.version === 1 && manifest.program === program) return manifest;
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
  let manifest = readManifest(program, keeping);
  manifest = withFolders(manifest, files.missingFolders(`${folder}/${MANIFEST}`));
  for (const { path, after, afterwards } of todo) {
    const known = manifest.files.some((file) => file.path === path);
    manifest = withWriting(manifest, {
      path,
      now: files.state(path),
      wanted: digestOf(Buffer.from(after)),
      afterwards,
    });
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
  program: Program,
  keeping: Keeping,
  { force, dryRun }: { force: boolean; dryRun: boolean },
): UndoneFile[] {
  const { files, folder } = keeping;
  const manifest = readManifest(program, keeping);
  const undone = manifest.files.toReversed().map((file): UndoneFile => {
    const { path, old, afterwards } = file;
    const what = undoOf(file, files.state(path), force);
    if (what === 'remove' && !dryRun) files.remove(path);
    if (what === 'restore' && !dryRun && old !== undefined) {
      const bytes = files.bytes(`${folder}/${old.copy}`);
      if (bytes === undefined || digestOf(bytes) !== old.digest)
        throw new CliError(
          'BAD_HOST_FILE',
          `${folder}/${old.copy}, the copy of ${path}, is damaged; mend ${path} by hand.`,
        );
      files.write(path, bytes, old);
    }
    return { path, result: RESULTS[what], afterwards: what === 'nothing' ? undefined : afterwards };
  });
  const refused = undone.filter(({ result }) => result === 'refused').map(({ path }) => path);
  if (!dryRun) forget(manifest, refused, keeping);
  return undone;
}

const RESULTS = { restore: 'restored', remove: 'removed', nothing: 'as it was', refuse: 'refused' } as const;

/** All but what could not be undone; with the last the folders go, unless somebody put something in. */
function forget(manifest: Manifest, refused: readonly string[], keeping: Keeping): void {
  const { files, folder } = keeping;
  const left = manifest.files.filter(({ path }) => refused.includes(path));
  if (left.length > 0) writeManifest({ ...manifest, files: left }, keeping);
  else files.remove(`${folder}/${MANIFEST}`);
  for (const { path, old } of manifest.files)
    if (old !== undefined && !refused.includes(path)) files.remove(`${folder}/${old.copy}`);
  for (const made of manifest.folders.toReversed()) files.removeFolderIfEmpty(made);
}

function writeManifest(manifest: Manifest, { files, folder }: Keeping): void {
  files.write(`${folder}/${MANIFEST}`, Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`), { mode: PRIVATE });
}
