import { describe, expect, it } from 'vitest';
import { type HostCandidate, matchesGlob, selectHosts, unmatchedGlobs } from './host-glob.ts';

it.each([
  ['*', 'anything', true],
  ['web-*', 'web-01.example.com', true],
  ['WEB-0?', 'web-01', true],
  ['web-0?', 'web-012', false],
  ['a.b', 'axb', false],
  ['*-01', 'web-01-01', true],
  ['[ab]', 'a', false],
  ['', 'a', false],
])('the glob %j against %j: %s', (glob, name, matches) => {
  expect(matchesGlob(glob, name)).toBe(matches);
});

it('a hostile glob is matched in no time', () => {
  expect(matchesGlob('*a'.repeat(120), `${'a'.repeat(119)}b`.repeat(2))).toBe(false);
});

function host(name: string, changes: Partial<HostCandidate> = {}): HostCandidate {
  return { peerId: `${name}-key`, name, role: 'agent', online: true, lastSeenAtMs: 0, ...changes };
}

it('a glob that matches no known host is named, one that matches a host that is away is not', () => {
  const known = [host('host-1'), host('host-2', { online: false })];
  expect(unmatchedGlobs(known, ['host-1', 'nohost', 'HOST-2', 'db-*'])).toEqual(['nohost', 'db-*']);
});

describe('the hosts of a job', () => {
  const seeder = host('seeder', { role: 'seeder' });

  it('are all agents but no seeders, unless a glob names one', () => {
    expect(selectHosts([host('a'), seeder], undefined).map(({ name }) => name)).toEqual(['a']);
    expect(selectHosts([host('a'), seeder], ['s*']).map(({ name }) => name)).toEqual(['seeder']);
  });

  it('count once, whatever the number of globs that match', () => {
    expect(selectHosts([host('a')], ['a', '*'])).toHaveLength(1);
  });

  it('include those that are away, but not the old self of a host that was set up anew', () => {
    const old = host('a', { peerId: 'old', online: false, lastSeenAtMs: 1 });
    const away = host('b', { online: false });
    expect(selectHosts([old, away, host('a')], undefined).map(({ peerId }) => peerId)).toEqual(['b-key', 'a-key']);
    const newer = host('a', { peerId: 'newer', online: false, lastSeenAtMs: 2 });
    expect(selectHosts([newer, old], undefined)).toEqual([newer]);
  });
});
