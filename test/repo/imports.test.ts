import { describe, expect, it } from 'vitest';
import { purityFaults } from './purity.ts';
import {
  dependencyFaults,
  directionFaults,
  lengthFaults,
  PURE_PACKAGES,
  packageNameFaults,
  relativeImportFaults,
  undocumentedDependencies,
} from './rules.ts';
import { readDevDependencies, readPackages, readText, type WorkspacePackage } from './source.ts';

const packages = readPackages();
const devDependencies = readDevDependencies();

/** A package of one file. */
function sample(
  name: string,
  text: string,
  options: { dependencies?: string[]; file?: string } = {},
): WorkspacePackage {
  const { dependencies = [], file = 'sample.ts' } = options;
  return { name, dependencies, sources: [{ path: `packages/${name}/src/${file}`, text }] };
}

describe('the tree', () => {
  it('has the packages these rules are about', () => {
    expect(packages.map((one) => one.name)).toEqual(expect.arrayContaining(['oci', 'wire', 'swarm', 'policy', 'cli']));
    for (const one of packages) expect(one.sources.length).toBeGreaterThan(0);
  });

  it('imports between packages go the way of the design only', () => {
    expect(directionFaults(packages)).toEqual([]);
  });

  it('a relative import stays in its package and ends in .ts', () => {
    expect(relativeImportFaults(packages)).toEqual([]);
  });

  it('a package imports only what its own package.json declares', () => {
    expect(dependencyFaults(packages, devDependencies)).toEqual([]);
  });

  it('pure packages have no clock, chance, timer, I/O or async', () => {
    const pure = packages.filter((one) => PURE_PACKAGES.includes(one.name));
    expect(purityFaults(pure.flatMap((one) => one.sources))).toEqual([]);
  });

  it('no package is called core, common or utils', () => {
    expect(packageNameFaults(packages)).toEqual([]);
  });

  it('no source file has more than 400 lines', () => {
    expect(lengthFaults(packages)).toEqual([]);
  });

  it('docs/architecture.md gives a reason for every direct dependency', () => {
    const names = [...packages.flatMap((one) => one.dependencies), ...devDependencies];
    expect(undocumentedDependencies(names, readText('docs/architecture.md'))).toEqual([]);
  });
});

describe('the rules can fail', () => {
  it.each([
    ['oci', `import { a } from '@shoal/wire';`],
    ['agent', `import { a } from '@shoal/tracker';`],
    ['registry', `export * from '@shoal/swarm';`],
    ['swarm', `type A = import('@shoal/policy').A;`],
    ['policy', `const a = await import('@shoal/oci');`],
    ['wire', `const a = require('@shoal/oci');`],
    ['tracker', `import type { A } from '@shoal/agent';`],
  ])('a wrong direction in %s: %s', (name, text) => {
    expect(directionFaults([sample(name, text)])).toHaveLength(1);
  });

  it('a wrong direction in package.json, and a package without a direction', () => {
    expect(directionFaults([sample('oci', '', { dependencies: ['@shoal/cli'] })])).toHaveLength(1);
    expect(directionFaults([sample('unheard', '')])).toEqual(['packages/unheard is not in the table of directions']);
  });

  it('a right direction is none', () => {
    const text = `import { a } from '@shoal/tracker/client'; // from '@shoal/cli'\nconst b = "import '@shoal/cli'";`;
    expect(directionFaults([sample('agent', text, { dependencies: ['@shoal/tracker'] })])).toEqual([]);
  });

  it('a relative import without .ts, with .js, or out of the package', () => {
    const text = `import './a';\nimport './b.js';\nexport * from '../../oci/src/index.ts';\nimport './c.ts';`;
    expect(relativeImportFaults([sample('wire', text)])).toEqual([
      `packages/wire/src/sample.ts:1 './a' does not end in .ts`,
      `packages/wire/src/sample.ts:2 './b.js' does not end in .ts`,
      `packages/wire/src/sample.ts:3 '../../oci/src/index.ts' leaves the package`,
    ]);
  });

  it('a dependency of somebody else, and a built-in without node:', () => {
    const text = `import 'undeclared/deep';\nimport fs from 'fs';\nimport '@scope/known/deep';\nimport 'node:fs';`;
    expect(dependencyFaults([sample('wire', text, { dependencies: ['@scope/known'] })], ['undeclared'])).toEqual([
      `packages/wire/src/sample.ts:1 'undeclared/deep' is not in the package's package.json`,
      `packages/wire/src/sample.ts:2 'fs' lacks node:`,
    ]);
    expect(dependencyFaults([sample('wire', `import 'dev';`, { file: 'a.test.ts' })], ['dev'])).toEqual([]);
  });

  it.each([
    ['new Date()', 'Date'],
    ['const at: Date = x;', 'Date'],
    ['Date.now()', 'Date'],
    ['performance.now()', 'performance'],
    ['Math.random()', 'Math.random'],
    [`Math['random']()`, 'Math.random'],
    ['const { random } = Math;', 'Math.random'],
    ['setTimeout(f, 1)', 'setTimeout'],
    ['const later = setImmediate;', 'setImmediate'],
    ['process.env.X', 'process'],
    ['const all = { process };', 'process'],
    ['const { env = process } = x;', 'process'],
    ['fetch(url)', 'fetch'],
    ['globalThis.fetch', 'globalThis'],
    ['async function f() {}', 'async'],
    ['const f = async () => 1;', 'async'],
    ['const o = { async f() {} };', 'async'],
    ['await x;', 'await'],
    ['for await (const a of b) {}', 'await'],
    ['let p: Promise<void>;', 'Promise'],
    [`import('./a.ts')`, 'import()'],
    [`import { randomBytes, createHash } from 'node:crypto';`, 'randomBytes of node:crypto'],
    [`import { randomUUID as createHash } from 'node:crypto';`, 'randomUUID of node:crypto'],
    [`import * as c from 'node:crypto';`, 'node:crypto as a whole'],
    [`import c from 'node:crypto';`, 'node:crypto as a whole'],
  ])('an impurity: %s', (text, name) => {
    expect(purityFaults(sample('wire', text).sources)).toEqual([`packages/wire/src/sample.ts:1 uses ${name}`]);
  });

  it('an impure module', () => {
    const text = `import { readFileSync } from 'node:fs';\nexport { f } from 'node:timers';`;
    expect(purityFaults(sample('wire', text).sources)).toEqual([
      `packages/wire/src/sample.ts:1 imports 'node:fs'`,
      `packages/wire/src/sample.ts:2 imports 'node:timers'`,
    ]);
  });

  it.each([
    '// new Date() and await process.exit()',
    `const text = 'Math.random() in process';`,
    'const text = `await fetch`;',
    'event.process.Date.fetch();',
    'const o = { Date: 1, fetch: 2 };',
    'interface Clock { Date: number; fetch(): void }',
    'const { fetch: other } = o;',
    'Math.max(1, 2);',
    `import { createHash, type KeyObject } from 'node:crypto';`,
  ])('no impurity: %s', (text) => {
    expect(purityFaults(sample('wire', text).sources)).toEqual([]);
  });

  it('a test of a pure package may be impure', () => {
    expect(purityFaults(sample('wire', 'await fetch(x)', { file: 'a.test.ts' }).sources)).toEqual([]);
  });

  it('a package with an empty name', () => {
    expect(packageNameFaults(['core', 'common', 'utils', 'wire'].map((name) => sample(name, '')))).toHaveLength(3);
  });

  it('a file of 401 lines, but not of 400', () => {
    expect(lengthFaults([sample('wire', 'x;\n'.repeat(400))])).toEqual([]);
    expect(lengthFaults([sample('wire', 'x;\n'.repeat(401))])).toHaveLength(1);
  });

  it('a dependency the page does not name, or no page', () => {
    const names = ['ws', 'zod', '@shoal/oci', '@types/ws', 'zod'];
    expect(undocumentedDependencies(names, 'On windows, `zod` checks.')).toEqual(['ws']);
    expect(undocumentedDependencies(names, undefined)).toEqual(['ws', 'zod']);
    expect(undocumentedDependencies(names, '`ws` and `zod`')).toEqual([]);
  });
});
