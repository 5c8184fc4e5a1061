import { describe, expect, it } from 'vitest';
import type { Descriptor } from './descriptor.ts';
import type { ImageIndex } from './manifest.ts';
import { OCI_INDEX, OCI_MANIFEST } from './media-types.ts';
import { descriptorOf, errorOf, indexOf, platformOf } from './oci.testkit.ts';
import { checkConfigPlatform, choosePlatform, platformCandidates } from './platform.ts';
import { describePlatform } from './platform-names.ts';

/** Position in the index of the entry chosen for the host. */
function chosen(index: ImageIndex, host: string): number {
  return index.manifests.indexOf(choosePlatform(index, platformOf(host)));
}

function indexWith(...manifests: Descriptor[]): ImageIndex {
  return { kind: 'index', mediaType: OCI_INDEX, manifests };
}

describe('choosePlatform on Linux', () => {
  const index = indexOf(
    'windows/amd64 10.0.20348.1',
    'linux/386',
    'linux/arm/v5',
    'linux/arm/v7',
    'linux/arm64/v8',
    'linux/amd64',
  );

  it.each([
    ['linux/amd64', 5],
    ['linux/x86_64', 5],
    ['linux/amd64/v3', 5],
    ['linux/aarch64', 4],
    ['linux/arm64', 4],
    ['linux/arm64/v9', 4],
    ['linux/arm', 3],
    ['linux/arm/v8', 3],
    ['linux/armhf', 3],
    ['linux/arm/v6', 2],
    ['linux/i386', 1],
  ])('%s gets entry %i', (host, position) => {
    expect(chosen(index, host)).toBe(position);
  });

  it('takes the best variant the host runs, whatever the order', () => {
    const arms = indexOf('linux/arm/v6', 'linux/arm/v8', 'linux/arm/v7');
    expect(['v8', 'v7', 'v6'].map((variant) => chosen(arms, `linux/arm/${variant}`))).toEqual([1, 2, 0]);
    const levels = indexOf('linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4');
    expect([chosen(levels, 'linux/amd64'), chosen(levels, 'linux/amd64/v3')]).toEqual([0, 1]);
  });

  it('takes an entry without variant for v7 on arm and for v8 on arm64', () => {
    expect(chosen(indexOf('linux/arm/v6', 'linux/arm'), 'linux/arm/v7')).toBe(1);
    expect(chosen(indexOf('linux/arm', 'linux/arm64'), 'linux/arm64/v8')).toBe(1);
  });

  it('takes the 32-bit image of a 64-bit host when there is no other, as the daemon does', () => {
    expect(chosen(indexOf('linux/s390x', 'linux/386'), 'linux/amd64')).toBe(1);
    expect(chosen(indexOf('linux/s390x', 'linux/arm/v7'), 'linux/arm64')).toBe(1);
  });

  it('takes the first of two equal entries', () => {
    expect(chosen(indexOf('linux/amd64', 'linux/amd64'), 'linux/amd64')).toBe(0);
  });

  it('ignores the version of a Linux host', () => {
    expect(chosen(index, 'linux/amd64 12')).toBe(5);
  });

  it('names the platforms there are when none suits', () => {
    const error = errorOf(() => choosePlatform(index, platformOf('linux/riscv64')));
    expect(error.code).toBe('NO_PLATFORM');
    expect(error.message).toBe(
      'the image does not exist for linux/riscv64; there are: windows/amd64 10.0.20348.1, linux/386, linux/arm/v5, linux/arm/v7, linux/arm64/v8, linux/amd64',
    );
  });

  it('does not go from a host variant up to a higher one', () => {
    expect(errorOf(() => choosePlatform(indexOf('linux/arm/v7'), platformOf('linux/arm/v6'))).code).toBe('NO_PLATFORM');
  });

  it('names at most twenty platforms', () => {
    const many = indexOf(...Array.from({ length: 30 }, (_, i) => `os${i}/amd64`));
    expect(errorOf(() => choosePlatform(many, platformOf('linux/amd64'))).message).toContain('os19/amd64 and 10 more');
  });
});

describe('choosePlatform on Windows', () => {
  const servercore = indexOf(
    'linux/amd64',
    'windows/amd64 10.0.17763.6054',
    'windows/amd64 10.0.20348.2113',
    'windows/amd64 10.0.26100.1',
    'windows/arm64 10.0.20348.1',
  );

  it.each([
    ['windows/amd64 10.0.26100.4061', 3],
    ['windows/amd64 10.0.20348.1', 2],
    ['windows/amd64 10.0.20348', 2],
    ['windows/amd64 10.0.17763.9999', 1],
    ['windows/x86_64 10.0.20348.5', 2],
    ['windows/arm64 10.0.22631.1', 4],
  ])('%s gets entry %i: its own build, whatever the UBR', (host, position) => {
    expect(chosen(servercore, host)).toBe(position);
  });

  it('takes the first entry with a build not above the host when its own is missing', () => {
    expect(chosen(servercore, 'windows/amd64 10.0.22631.1')).toBe(1);
    expect(
      chosen(indexOf('windows/amd64 10.0.20348.9', 'windows/amd64 10.0.26100.1'), 'windows/amd64 10.0.25000.1'),
    ).toBe(0);
  });

  it('takes the first of two entries of its own build', () => {
    const index = indexOf('windows/amd64 10.0.17763.1', 'windows/amd64 10.0.20348.1', 'windows/amd64 10.0.20348.9');
    expect(chosen(index, 'windows/amd64 10.0.20348.9')).toBe(1);
  });

  it('does not take 10.0.2034 for the prefix of 10.0.20348', () => {
    const index = indexOf('windows/amd64 10.0.1439.1', 'windows/amd64 10.0.14393.1');
    expect(chosen(index, 'windows/amd64 10.0.14393.7')).toBe(1);
    expect(chosen(indexOf('windows/amd64 10.0.100.1', 'windows/amd64 10.0.10.1'), 'windows/amd64 10.0.100.1')).toBe(0);
  });

  it('lets an entry through that does not say its version, behind its own build', () => {
    expect(chosen(indexOf('windows/amd64', 'windows/amd64 10.0.20348.1'), 'windows/amd64 10.0.20348.2')).toBe(1);
    expect(chosen(indexOf('windows/amd64'), 'windows/amd64 10.0.20348.2')).toBe(0);
  });

  it('names the builds there are when all are above the host', () => {
    const error = errorOf(() =>
      choosePlatform(indexOf('windows/amd64 10.0.26100.1'), platformOf('windows/amd64 10.0.20348.1')),
    );
    expect(error.code).toBe('NO_PLATFORM');
    expect(error.message).toContain('windows/amd64 10.0.20348.1; there are: windows/amd64 10.0.26100.1');
  });

  it('refuses to guess for a host that does not say its version', () => {
    expect(errorOf(() => choosePlatform(servercore, platformOf('windows/amd64'))).message).toContain(
      'does not say its Windows version',
    );
  });
});

describe('choosePlatform and entries that are no plain image', () => {
  const host = platformOf('linux/amd64');
  const nested = descriptorOf('nested', { mediaType: OCI_INDEX });
  const unnamed = descriptorOf('unnamed', { mediaType: OCI_MANIFEST });
  const amd64 = descriptorOf('amd64', { mediaType: OCI_MANIFEST, platform: host });

  it('skips attestations and foreign documents', () => {
    const attestation = descriptorOf('att', { mediaType: OCI_MANIFEST, platform: platformOf('unknown/unknown') });
    const annotated = { ...amd64, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } };
    const document = { ...amd64, mediaType: 'application/vnd.example+json' };
    expect(choosePlatform(indexWith(attestation, annotated, document, amd64), host)).toBe(amd64);
    expect(errorOf(() => choosePlatform(indexWith(attestation, annotated, document), host)).message).toContain(
      'names no platform',
    );
  });

  it('returns a nested index without platform only when nothing matches by platform', () => {
    expect(choosePlatform(indexWith(nested, amd64), host)).toBe(amd64);
    expect(choosePlatform(indexWith(nested), host)).toBe(nested);
  });

  it('returns a nested index whose platform matches', () => {
    const forHost = { ...nested, platform: host };
    expect(choosePlatform(indexWith(forHost), host)).toBe(forHost);
  });

  it('lists all entries worth a try, best first', () => {
    const i386 = descriptorOf('386', { mediaType: OCI_MANIFEST, platform: platformOf('linux/386') });
    const arm = descriptorOf('arm', { mediaType: OCI_MANIFEST, platform: platformOf('linux/arm') });
    expect(platformCandidates(indexWith(nested, i386, unnamed, arm, amd64), host)).toEqual([
      amd64,
      i386,
      nested,
      unnamed,
    ]);
  });
});

describe('checkConfigPlatform', () => {
  function check(image: string, host: string): void {
    checkConfigPlatform({ ...platformOf(image), diffIds: [] }, platformOf(host));
  }

  it.each([
    ['linux/amd64', 'linux/x86_64'],
    ['linux/arm64', 'linux/aarch64'],
    ['linux/arm/v6', 'linux/arm/v7'],
    ['linux/arm', 'linux/arm/v6'],
    ['linux/386', 'linux/amd64'],
    ['windows/amd64 10.0.17763.1', 'windows/amd64 10.0.20348.1'],
    ['windows/amd64 10.0.20348.9999', 'windows/amd64 10.0.20348.1'],
    ['windows/amd64', 'windows/amd64 10.0.20348.1'],
  ])('%s suits %s', (image, host) => {
    expect(() => check(image, host)).not.toThrow();
  });

  it.each([
    ['windows/amd64 10.0.20348.1', 'linux/amd64', 'is for windows/amd64 10.0.20348.1 only; the host is linux/amd64'],
    ['linux/amd64', 'windows/amd64 10.0.20348.1', 'is for linux/amd64 only'],
    ['linux/s390x', 'linux/amd64', 'is for linux/s390x only'],
    ['linux/amd64', 'linux/arm64', 'is for linux/amd64 only'],
    ['linux/arm/v7', 'linux/arm/v6', 'is for linux/arm/v7 only'],
    ['windows/amd64 10.0.26100.1', 'windows/amd64 10.0.20348.1', "may not be above the host's"],
    ['windows/amd64 10.0.17763.1', 'windows/amd64', 'does not say its Windows version'],
  ])('%s does not suit %s', (image, host, reason) => {
    const error = errorOf(() => check(image, host));
    expect(error.code).toBe('NO_PLATFORM');
    expect(error.message).toContain(reason);
  });
});

describe('describePlatform', () => {
  it('gives variant and Windows version, and no version of any other system', () => {
    const texts = ['windows/amd64 10.0.20348.2113', 'linux/arm/v7', 'linux/amd64'];
    expect(texts.map((text) => describePlatform(platformOf(text)))).toEqual(texts);
    expect(describePlatform({ os: 'linux', architecture: 'amd64', osVersion: '12' })).toBe('linux/amd64');
  });
});
