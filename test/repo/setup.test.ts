import { describe, expect, it } from 'vitest';
import { missingOf } from '../../scripts/debian.mjs';
import { isInstalled, isSupportedNode } from '../../scripts/rules.mjs';

describe('setup', () => {
  it.each([
    ['18.20.4', false],
    ['20.18.3', false],
    ['20.19.0', true],
    ['22.1.0', true],
    ['24.0.0', true],
  ])('Node %s will do: %s', (version, expected) => {
    expect(isSupportedNode(version)).toBe(expected);
  });

  it('installs unless node_modules holds exactly what the lock file says', () => {
    const lock = {
      packages: {
        '': {},
        'packages/wire': { version: '0.1.0' },
        'node_modules/@shoal/wire': { link: true },
        'node_modules/a': { version: '1.0.0', integrity: 'x' },
        'node_modules/other-platform': { version: '1.0.0', optional: true },
      },
    };
    const installed = {
      'node_modules/@shoal/wire': { link: true },
      'node_modules/a': { version: '1.0.0', integrity: 'x' },
    };
    expect(isInstalled(lock, { packages: installed })).toBe(true);
    expect(isInstalled(lock, undefined)).toBe(false);
    expect(isInstalled(lock, { packages: {} })).toBe(false);
    const changed = { ...installed, 'node_modules/a': { version: '1.0.1', integrity: 'y' } };
    expect(isInstalled(lock, { packages: changed })).toBe(false);
  });

  it('names the programs that are not there', () => {
    const missing = missingOf([
      { command: 'node', package: 'nodejs' },
      { command: 'no-such-program-anywhere', package: 'none' },
    ]);
    expect(missing.map((program) => program.command)).toEqual(['no-such-program-anywhere']);
  });
});
