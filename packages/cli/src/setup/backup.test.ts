import { describe, expect, it } from 'vitest';
import { type FileState, type KeptFile, type Manifest, undoOf, withWriting } from './backup.ts';

const none: Manifest = { version: 1, files: [], folders: [] };
const state = (digest: string): FileState => ({ digest, mode: 0o640, uid: 1, gid: 2 });
/** A file after writings: what was there each time, and what was written. */
const after = (...writings: [now: string | undefined, wanted: string][]): KeptFile => {
  const manifest = writings.reduce(
    (at, [now, wanted]) =>
      withWriting(at, { program: 'docker', path: '/f', now: now === undefined ? undefined : state(now), wanted }),
    none,
  );
  expect(manifest.files).toHaveLength(1);
  return manifest.files[0] as KeptFile;
};
const undo = (file: KeptFile, now: string | undefined, force = false) =>
  undoOf(file, now === undefined ? undefined : { digest: now }, force);

describe('an undo', () => {
  it.each([
    ['restores what setup changed', [['old', 'a']], 'a', 'restore'],
    ['removes what setup made', [[undefined, 'a']], 'a', 'remove'],
    [
      'of two setups goes back to before the first',
      [
        ['old', 'a'],
        ['a', 'b'],
      ],
      'b',
      'restore',
    ],
    [
      'of two setups removes what the first made',
      [
        [undefined, 'a'],
        ['a', 'b'],
      ],
      'b',
      'remove',
    ],
    ['after a setup that was cut off has nothing to do', [['old', 'a']], 'old', 'nothing'],
    ['of a file that is gone already has nothing to do', [[undefined, 'a']], undefined, 'nothing'],
    ['refuses what somebody changed since', [['old', 'a']], 'mine', 'refuse'],
    ['refuses what somebody removed since', [['old', 'a']], undefined, 'refuse'],
    [
      'refuses what somebody changed between two setups',
      [
        ['old', 'a'],
        ['mine', 'b'],
      ],
      'b',
      'refuse',
    ],
    [
      'remembers that over further setups',
      [
        ['old', 'a'],
        ['mine', 'b'],
        ['b', 'c'],
      ],
      'c',
      'refuse',
    ],
    [
      'of a setup that was cut off and repeated restores',
      [
        ['old', 'a'],
        ['old', 'a'],
      ],
      'a',
      'restore',
    ],
  ] as const)('%s', (_rule, writings, now, expected) => {
    const file = after(...(writings as unknown as [string | undefined, string][]));
    expect(undo(file, now)).toBe(expected);
    if (expected === 'refuse') expect(undo(file, now, true)).toBe('restore');
  });
});

it('the first copy is never replaced, and no two files have one name', () => {
  const first = withWriting(none, { program: 'docker', path: '/a', now: state('1'), wanted: 'x' });
  const both = withWriting(first, { program: 'docker', path: '/b', now: state('2'), wanted: 'x' });
  const again = withWriting(both, { program: 'docker', path: '/a', now: state('x'), wanted: 'y' });
  expect(again.files.map(({ old }) => old)).toEqual([
    { ...state('1'), copy: '1.old' },
    { ...state('2'), copy: '2.old' },
  ]);
  const left = { ...again, files: again.files.slice(1) };
  const names = withWriting(left, { program: 'docker', path: '/c', now: state('3'), wanted: 'x' }).files.map(
    ({ old }) => old?.copy,
  );
  expect(names).toEqual(['2.old', '1.old']);
});
