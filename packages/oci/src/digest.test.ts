import { describe, expect, it } from 'vitest';
import { digestAlgorithm, digestHex, digestOf, isDigest, matchesDigest, parseDiffId, parseDigest } from './digest.ts';
import { errorOf } from './oci.testkit.ts';

// FIPS 180-4 test vectors for 'abc'.
const ABC_256 = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const ABC_512 =
  'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f';

describe('digest', () => {
  it('is made with SHA-256', () => {
    expect(digestOf(Buffer.from('abc'))).toBe(ABC_256);
    expect(digestHex(parseDigest(ABC_256))).toBe(ABC_256.slice(7));
  });

  it('matches bytes in its own algorithm', () => {
    expect(matchesDigest(Buffer.from('abc'), parseDigest(ABC_256))).toBe(true);
    expect(matchesDigest(Buffer.from('abc'), parseDigest(ABC_512))).toBe(true);
    expect(matchesDigest(Buffer.from('abd'), parseDigest(ABC_512))).toBe(false);
    expect(digestAlgorithm(parseDigest(ABC_512))).toBe('sha512');
  });

  it.each([
    ['', 'empty'],
    ['sha256:', 'no hex'],
    [ABC_256.slice(0, -1), 'one digit short'],
    [`${ABC_256}0`, 'one digit long'],
    [ABC_256.toUpperCase(), 'upper case'],
    [`${ABC_256}\n`, 'a line end'],
    [ABC_256.slice(7), 'no algorithm'],
    [ABC_256.replace('sha256', 'sha512'), 'the length of another algorithm'],
    [ABC_256.replace('sha256', 'md5'), 'an unknown algorithm'],
  ])('%j is refused: %s', (text) => {
    expect(isDigest(text)).toBe(false);
    expect(errorOf(() => parseDigest(text)).code).toBe('INVALID_DIGEST');
    expect(errorOf(() => parseDiffId(text)).code).toBe('INVALID_DIGEST');
  });
});
