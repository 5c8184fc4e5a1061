import * as fs from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../cli.testkit.ts';
import { applyPlan, compare, type Keeping, undo } from './apply.ts';
import { openHostFiles } from './host-files.ts';
import { type Plan, PROGRAMS, type Program } from './plan.ts';

const DO = { force: false, dryRun: false };

function host() {
  const root = temporaryFolder();
  const keeping: Keeping = { files: openHostFiles(root), folder: '/var/shoal/setup' };
  const at = (path: string) => join(root, path);
  const setup = (files: Record<string, string>, program: Program = 'docker') => {
    const planned = Object.entries(files).map(([path, content]) => ({ path, content }));
    const plan: Plan = { program, files: planned, notes: [] };
    const changes = compare(plan, keeping.files);
    applyPlan(plan, changes, keeping);
    return changes.map(({ change }) => change);
  };
  return {
    root,
    at,
    keeping,
    setup,
    undo: (how = DO, programs: readonly Program[] = PROGRAMS) =>
      undo(programs, keeping, how).map(({ result }) => result),
  };
}

/** Everything below a folder with its mode, files with their bytes. */
function treeOf(folder: string): Record<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const stat = fs.statSync(join(folder, name));
      return [
        name,
        `${stat.mode.toString(8)} ${stat.isFile() ? fs.readFileSync(join(folder, name)).toString('hex') : ''}`,
      ];
    }),
  );
}

function put(place: string, bytes: Uint8Array | string, mode = 0o644) {
  fs.mkdirSync(join(place, '..'), { recursive: true });
  fs.writeFileSync(place, bytes);
  fs.chmodSync(place, mode);
}

describe('a setup and its undo', () => {
  it('leave everything byte for byte as it was, however often it was set up', () => {
    const path = fc.constantFrom('/etc/a', '/etc/b/a', '/etc/b/c/a', '/etc/d');
    const text = fc.string();
    fc.assert(
      fc.property(
        fc.dictionary(path, fc.tuple(text, fc.constantFrom(0o644, 0o600, 0o666))),
        fc.array(fc.dictionary(path, text), { minLength: 1, maxLength: 3 }),
        (before, setups) => {
          const { root, at, setup, ...it } = host();
          for (const [name, [bytes, mode]] of Object.entries(before)) put(at(name), bytes, mode);
          const tree = treeOf(root);
          for (const files of setups) {
            setup(files);
            expect(new Set(setup(files)).has('new')).toBe(false);
            for (const [name, content] of Object.entries(files))
              expect(fs.readFileSync(at(name), 'utf8')).toBe(content);
          }
          it.undo();
          expect(treeOf(root)).toEqual(tree);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keep mode and links', () => {
    const { at, setup, undo: back } = host();
    put(at('/data/real'), 'old', 0o640);
    fs.mkdirSync(at('/etc'));
    fs.symlinkSync('../data/real', at('/etc/link'));
    setup({ '/etc/link': 'new', '/etc/fresh': 'x' });
    expect(fs.lstatSync(at('/etc/link')).isSymbolicLink()).toBe(true);
    expect(fs.readFileSync(at('/data/real'), 'utf8')).toBe('new');
    expect([at('/data/real'), at('/etc/fresh')].map((place) => fs.statSync(place).mode & 0o777)).toEqual([
      0o640, 0o644,
    ]);
    expect(back()).toEqual(['removed', 'restored']);
    expect(fs.readFileSync(at('/data/real'), 'utf8')).toBe('old');
  });

  it('leave what somebody changed since, and take it by force', () => {
    const { at, setup, undo: back } = host();
    put(at('/etc/a'), 'old');
    setup({ '/etc/a': 'ours', '/etc/b': 'ours' });
    put(at('/etc/a'), 'theirs');
    expect(back({ force: true, dryRun: true })).toEqual(['removed', 'restored']);
    expect(back()).toEqual(['removed', 'refused']);
    expect(fs.readFileSync(at('/etc/a'), 'utf8')).toBe('theirs');
    expect(back({ ...DO, force: true })).toEqual(['restored']);
    expect(fs.readFileSync(at('/etc/a'), 'utf8')).toBe('old');
    expect(back()).toEqual([]);
  });

  it('leave a folder in which somebody put something', () => {
    const { at, setup, undo: back } = host();
    setup({ '/etc/x/y/a': 'ours' });
    put(at('/etc/x/theirs'), '');
    back();
    expect(fs.readdirSync(at('/etc/x'))).toEqual(['theirs']);
  });

  it('of one program leave the files of another, and the folders they share', () => {
    const { root, at, setup, undo: back } = host();
    setup({ '/etc/x/a': 'ours' });
    setup({ '/etc/x/b': 'ours' }, 'podman');
    expect(back(DO, ['docker'])).toEqual(['removed']);
    expect(fs.readdirSync(at('/etc/x'))).toEqual(['b']);
    expect(back(DO, ['podman'])).toEqual(['removed']);
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it('refuse a damaged copy', () => {
    const { at, setup, undo: back } = host();
    put(at('/etc/a'), 'old');
    setup({ '/etc/a': 'ours' });
    put(at('/var/shoal/setup/1.old'), 'damaged');
    expect(() => back()).toThrow(/1\.old, the copy of \/etc\/a, is damaged/);
  });
});

describe('a file of the host', () => {
  it('that a link would have outside the root is refused', () => {
    const { at, setup } = host();
    fs.mkdirSync(at('/etc'));
    const outside = join(temporaryFolder(), 'x');
    put(outside, 'theirs');
    fs.symlinkSync(outside, at('/etc/a'));
    expect(() => setup({ '/etc/a': 'ours' })).toThrow(/is a link out of/);
    expect(fs.readFileSync(outside, 'utf8')).toBe('theirs');
  });

  it('that is no text is refused', () => {
    const { at, setup } = host();
    put(at('/etc/a'), Buffer.from([0x7b, 0xff]));
    expect(() => setup({ '/etc/a': 'ours' })).toThrow(/^\/etc\/a:1:1: is not UTF-8 text/);
  });

  it('that cannot be written is told with what to do', () => {
    const { at, setup } = host();
    put(at('/etc'), 'a file where a folder is to be');
    expect(() => setup({ '/etc/a': 'ours' })).toThrow(/ENOTDIR.*Run this as root/);
  });
});
