import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { hostsServedBy, registriesConf } from './registries-conf.ts';

const PLACE = '127.0.0.1:7620';
const served = (text: string) => hostsServedBy(text, { hosts: ['harbor.example.com'], place: PLACE }, '/r.conf');

describe('registries.conf', () => {
  it('has one entry a registry, each with us as its mirror', () => {
    expect(parse(registriesConf(['docker.io', 'h.example:5000'], PLACE))).toEqual({
      registry: ['docker.io', 'h.example:5000'].map((host) => ({
        ...{ prefix: host, location: host },
        mirror: [{ location: `${PLACE}/${host}`, insecure: true }],
      })),
    });
  });

  it.each([
    '[[registry]]\nlocation = "harbor.example.com"\n',
    '[[registry]]\nprefix = "Harbor.example.com"\nlocation = "other"\nblocked = true\n',
  ])('an entry of somebody else is not replaced: %j', (text) => {
    expect(() => served(text)).toThrow(
      /^\/r\.conf: it has an entry .* add this to it: \[\[registry\.mirror\]\] \/ location = "127\.0\.0\.1:7620\/harbor\.example\.com" \/ insecure = true/,
    );
  });

  it('one that has us as a mirror serves', () => {
    const mirror = `[[registry.mirror]]\nlocation = "${PLACE}/harbor.example.com"\ninsecure = true\n`;
    expect(served(`[[registry]]\nlocation = "harbor.example.com"\n${mirror}`)).toEqual(['harbor.example.com']);
  });

  it.each(['', 'unqualified-search-registries = ["docker.io"]\n', '[[registry]]\nprefix = "*.example.com"\n'])(
    'others do not matter: %j',
    (text) => expect(served(text)).toEqual([]),
  );

  it('broken is refused with its line', () => expect(() => served('a = 1\n[[registry]\n')).toThrow(/^\/r\.conf:2:/));
});
