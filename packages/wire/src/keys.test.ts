import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { exportRawPublicKey, importRawPublicKey, peerIdOfKey, swarmIdOf } from './keys.ts';

describe('keys', () => {
  it('a public key survives the way to 32 raw bytes and back', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = exportRawPublicKey(publicKey);
    expect(raw.length).toBe(32);
    expect(exportRawPublicKey(privateKey)).toEqual(raw);
    expect(importRawPublicKey(raw).equals(publicKey)).toBe(true);
  });

  it('refuses raw keys of another length and keys of another kind', () => {
    expect(() => importRawPublicKey(new Uint8Array(31))).toThrow(TypeError);
    expect(() => exportRawPublicKey(generateKeyPairSync('x25519').publicKey)).toThrow(TypeError);
  });

  it('a peer id is 40 hex digits of the SHA-256 of the key', () => {
    expect(peerIdOfKey(Buffer.alloc(0))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4');
  });

  it('a swarm id depends on the secret and on the digest', () => {
    const id = swarmIdOf(Buffer.from('key'), 'The quick brown fox jumps over the lazy dog');
    expect(id).toBe('f7bc83f430538424b13298e6aa6fb143ef4d59a1');
    expect(swarmIdOf(Buffer.from('key2'), 'The quick brown fox jumps over the lazy dog')).not.toBe(id);
  });
});
