/** What a setup or its undo did, for people and for programs. Decides the form only. Pure. */
import { printable } from '../output/format.ts';
import { lineDiff } from '../output/line-diff.ts';
import type { AppliedFile, UndoneFile } from './apply.ts';

const CHANGES = { new: 'written, new', changed: 'written', none: 'already there' } as const;

export function describeApplied(files: readonly AppliedFile[]): string {
  return files.map(({ path, change }) => `${path}: ${CHANGES[change]}\n`).join('');
}

/** As `diff -u` shows them, file by file. */
export function describeDiffs(files: readonly AppliedFile[]): string {
  return files
    .filter(({ change }) => change !== 'none')
    .map((file) => `--- ${file.change === 'new' ? '/dev/null' : file.path}\n+++ ${file.path}\n${diffOf(file)}`)
    .map((text) => text.split('\n').map(printable).join('\n'))
    .join('');
}

export function reportApplied(files: readonly AppliedFile[]) {
  return files.map((file) => ({ path: file.path, change: file.change, diff: diffOf(file) }));
}

function diffOf({ before, after }: AppliedFile): string {
  return lineDiff(before, after);
}

export function describeUndone(files: readonly UndoneFile[]): string {
  const done = files.filter(({ result }) => result !== 'refused');
  return done.map(({ path, result }) => `${path}: ${result}\n`).join('');
}

/** The commands that make it count; one that is part of another is left out. */
export function commandsAfter(files: readonly { afterwards?: string | undefined }[]): string[] {
  const commands = [...new Set(files.flatMap(({ afterwards }) => afterwards ?? []))];
  return commands.filter((one) => !commands.some((other) => other !== one && other.includes(one)));
}
