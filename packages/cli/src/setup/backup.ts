/**
 * What was there before a setup, so that it comes back byte for byte. Decides what is kept, when a file was changed by
 * somebody since, and what an undo does with it. Pure: the bytes themselves lie beside the manifest.
 */
import type { Program } from './plan.ts';

/** `manifest.json` in `<dataDir>/setup`: one for all programs, as they may share folders. */
export interface Manifest {
  version: 1;
  files: KeptFile[];
  /** Folders that setups made. */
  folders: string[];
}

export interface KeptFile {
  program: Program;
  path: string;
  /** Before the first setup; undefined when the file was not there. */
  old: KeptOld | undefined;
  /** Digest of what a setup wrote last. */
  written: string;
  /** Somebody changed it between two setups: the copy of the first is not all that would be lost. */
  isEdited: boolean;
  /** The command after which a change of it counts. */
  afterwards?: string | undefined;
}

export interface FileState {
  digest: string;
  mode: number;
  uid: number;
  gid: number;
}

/** `copy` is the name of the file beside the manifest that has its bytes. */
export type KeptOld = FileState & { copy: string };

export interface Writing {
  program: Program;
  path: string;
  /** What is there; undefined for nothing. */
  now: FileState | undefined;
  /** Digest of what is to be there. */
  wanted: string;
  afterwards?: string | undefined;
}

/** With the file in it as it will be after the writing. A first copy is never replaced. */
export function withWriting(manifest: Manifest, { program, path, now, wanted, afterwards }: Writing): Manifest {
  const known = manifest.files.find((file) => file.path === path);
  if (known === undefined) {
    const old = now && { ...now, copy: copyName(manifest.files.map((file) => file.old?.copy)) };
    return {
      ...manifest,
      files: [...manifest.files, { program, path, old, written: wanted, isEdited: false, afterwards }],
    };
  }
  const isEdited = known.isEdited || !(isWritten(known, now) || isOld(known, now));
  const file = { ...known, written: wanted, isEdited, afterwards };
  return { ...manifest, files: manifest.files.map((one) => (one === known ? file : one)) };
}

export type Undo = 'restore' | 'remove' | 'nothing' | 'refuse';

export function undoOf(file: KeptFile, now: Pick<FileState, 'digest'> | undefined, force: boolean): Undo {
  if (isOld(file, now)) return 'nothing';
  if (!force && (file.isEdited || !isWritten(file, now))) return 'refuse';
  return file.old === undefined ? 'remove' : 'restore';
}

function isWritten(file: KeptFile, now: Pick<FileState, 'digest'> | undefined): boolean {
  return now?.digest === file.written;
}

function isOld({ old }: KeptFile, now: Pick<FileState, 'digest'> | undefined): boolean {
  return now?.digest === old?.digest;
}

/** A number that none of these has: one that an undo gave back may come again. */
function copyName(taken: readonly (string | undefined)[]): string {
  for (let number = 1; ; number++) if (!taken.includes(`${number}.old`)) return `${number}.old`;
}
