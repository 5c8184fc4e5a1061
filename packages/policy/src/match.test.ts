import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inRange, parseRange } from './address.ts';
import { globMatches } from './glob.ts';
import { matchesHost } from './match.ts';
import { policyWith } from './policy.testkit.ts';

function matches(match: string, host: Parameters<typeof matchesHost>[1]): boolean {
  const [rule] = policyWith([`match: { ${match} }, limit: { per: host, upload: 0 }`]).rules;
  return rule !== undefined && matchesHost(rule.match, host);
}

describe('a rule matches a host', () => {
  it('when every key of match does, with any of its values', () => {
    const host = { name: 'Web-17', address: '10.20.3.4', labels: { env: 'prod', tier: 'a1' } };
    expect(matches('env: prod', host)).toBe(true);
    expect(matches('env: [test, prod], tier: a?', host)).toBe(true);
    expect(matches('env: prod, tier: b*', host)).toBe(false);
    expect(matches('env: PROD', host)).toBe(false);
    expect(matches('zone: "*"', host)).toBe(false);
    expect(matches('host: "web-*", env: prod', host)).toBe(true);
    expect(matches('host: [db-*, WEB-17]', host)).toBe(true);
    expect(matches('host: web', host)).toBe(false);
    expect(matches('address: 10.20.0.0/16', host)).toBe(true);
    expect(matches('address: [10.21.0.0/16, fd00::/8]', host)).toBe(false);
    expect(matches('address: 0.0.0.0/0', { name: 'a' })).toBe(false);
  });

  it('never by a label that only every object has', () => {
    expect(matches('constructor: "*"', { name: 'a', labels: {} })).toBe(false);
  });
});

describe('an address range', () => {
  it.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.7', '10.0.0.7', true],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['::/0', '10.0.0.1', false],
    ['fd00::/8', 'fd12:3456::1', true],
    ['fd00::/8', 'fe80::1%eth0', false],
    ['2001:db8::/32', '2001:0DB8:0:0:0:0:0:1', true],
    ['2001:db8::/127', '2001:db8::2', false],
    ['10.0.0.0/8', 'nonsense', false],
  ])('%s has %s: %s', (range, address, expected) => {
    const parsed = parseRange(range);
    expect(parsed && inRange(address, parsed)).toBe(expected);
  });

  it.each(['10.0.0', '10.0.0.01', '1.2.3.4/33', 'fd00::/129', '::1::', '1:2:3:4:5:6:7:8::', 'fd00', '10.0.0.0/', ':1'])(
    'is not %s',
    (text) => {
      expect(parseRange(text)).toBeUndefined();
    },
  );
});

describe('a glob', () => {
  it('matches as the regular expression of the same meaning', () => {
    const letters = (all: string) => fc.string({ unit: fc.constantFrom(...all), maxLength: 8 });
    fc.assert(
      fc.property(letters('ab*?'), letters('ab'), (glob, text) => {
        const expected = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
        expect(globMatches(glob, text)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('of many stars is judged at once', () => {
    expect(globMatches(`${'a*'.repeat(100)}b`, 'a'.repeat(250))).toBe(false);
  });
});
