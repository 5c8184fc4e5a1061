import { describe, expect, it } from 'vitest';
import { type HostCandidate, matchesSelector, parseSelector, selectHosts, unmatched } from './host-selector.ts';

function host(name: string, changes: Partial<HostCandidate> = {}): HostCandidate {
  const platform = { os: 'windows', architecture: 'amd64', osVersion: '10.0.14393.5717' };
  const labels = { env: 'prod', rack: 'r1' };
  return { peerId: `${name}-key`, name, role: 'agent', online: true, lastSeenAtMs: 0, labels, platform, ...changes };
}

const names = (known: HostCandidate[], ...texts: string[]) =>
  selectHosts(known, texts.length > 0 ? texts.map(parseSelector) : undefined).map(({ name }) => name);

describe('a selector', () => {
  it.each([
    ['*', true],
    ['web-*', true],
    ['WEB-0?', true],
    ['web-0', false],
    ['db-1,web-01', true],
    ['env=prod', true],
    ['env==prod', true],
    ['env=p*', true],
    ['env=fat', false],
    ['env!=fat', true],
    ['env!=prod', false],
    ['stage!=prod', true],
    ['stage=*', false],
    ['env=prod,rack=r2', false],
    ['env=prod, rack in (r1, r2)', true],
    ['rack in (r2,r3)', false],
    ['rack notin (r2,r3)', true],
    ['rack notin (r1)', false],
    ['build=10.0.14393.*', true],
    ['build=10.0.20348.*', false],
    ['os=windows,arch=amd64', true],
    ['name=web-*', true],
    ['web-*,env=fat', false],
  ])('%j on web-01: %s', (text, matches) => {
    expect(matchesSelector(parseSelector(text), host('web-01'))).toBe(matches);
  });

  it.each(['', 'env=prod,', ',a', 'rack in r1', 'rack in ()', 'rack in (a,)', '=a', 'env prod', 'a in (b', 'a!'])(
    'such as %j is refused with how to write it',
    (text) => {
      expect(() => parseSelector(text)).toThrow(expect.objectContaining({ code: 'INVALID_SELECTOR' }));
    },
  );

  it('of hostile length is read and matched in no time', () => {
    const selector = parseSelector(`${'*a'.repeat(120)},${'x in ('.repeat(500)}a)`.slice(0, 240));
    expect(matchesSelector(selector, host(`${'a'.repeat(119)}b`.repeat(2)))).toBe(false);
  });
});

it('names and whole selectors that match nobody are named, those that match a host that is away are not', () => {
  const known = [host('host-1'), host('host-2', { online: false })];
  const texts = ['host-1,nohost', 'HOST-2', 'env=fat', 'rack in (r1)', 'db-*'];
  expect(unmatched(known, texts.map(parseSelector))).toEqual(['nohost', 'env=fat', 'db-*']);
});

describe('the hosts of a job', () => {
  const seeder = host('seeder', { role: 'seeder' });

  it('are all agents but no seeders, unless a name or a role asks for one', () => {
    expect(names([host('a'), seeder])).toEqual(['a']);
    expect(names([host('a'), seeder], 'env=prod')).toEqual(['a']);
    expect(names([host('a'), seeder], 's*')).toEqual(['seeder']);
    expect(names([host('a'), seeder], 'role=seeder')).toEqual(['seeder']);
  });

  it('count once, whatever the number of selectors that match', () => {
    expect(names([host('a')], 'a', '*', 'env=prod')).toEqual(['a']);
  });

  it('of an order that names them one by one are looked up, whatever the case; a misspelt one is told as written', () => {
    const known = Array.from({ length: 10_000 }, (_, index) => host(`web-${index}`));
    const texts = known.map(({ name }) => name.toUpperCase());
    expect(names(known, ...texts.slice(1), 'seeder', 'db-*')).toHaveLength(9999);
    expect(unmatched(known, [...texts, 'Web-X', 'db-*'].map(parseSelector))).toEqual(['Web-X', 'db-*']);
  });

  it('include those that are away, but not the old self of a host that was set up anew', () => {
    const old = host('a', { peerId: 'old', online: false, lastSeenAtMs: 1 });
    const away = host('b', { online: false });
    expect(selectHosts([old, away, host('a')]).map(({ peerId }) => peerId)).toEqual(['b-key', 'a-key']);
    const newer = host('a', { peerId: 'newer', online: false, lastSeenAtMs: 2 });
    expect(selectHosts([newer, old])).toEqual([newer]);
  });
});
