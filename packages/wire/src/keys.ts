/*
 * Ed25519 public keys as 32 raw bytes, and the names derived from keys and secrets (peer id, swarm id).
 * Decides no rights.
 */
import { createHash, createHmac, createPublicKey, type KeyObject } from 'node:crypto';

export const RAW_PUBLIC_KEY_BYTES = 32;
const ID_BYTES = 20;

/** The key must be Ed25519, private or public. */
export function exportRawPublicKey(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const { crv, x } = publicKey.export({ format: 'jwk' });
  if (crv !== 'Ed25519' || x === undefined) throw new TypeError('expected an Ed25519 key');
  return Buffer.from(x, 'base64url');
}

/** Throws a TypeError unless there are 32 bytes. */
export function importRawPublicKey(raw: Uint8Array): KeyObject {
  if (raw.length !== RAW_PUBLIC_KEY_BYTES) throw new TypeError(`expected a key of 32 bytes, got ${raw.length}`);
  const x = Buffer.from(raw).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/** First 20 bytes of the key's SHA-256, as 40 hex digits: so a peer id cannot be taken by who lacks the key. */
export function peerIdOfKey(publicKeyRaw: Uint8Array): string {
  return createHash('sha256').update(publicKeyRaw).digest().toString('hex', 0, ID_BYTES);
}

/** HMAC of the digest, so that who knows a digest cannot name its swarm. */
export function swarmIdOf(secret: Uint8Array, digest: string): string {
  return createHmac('sha256', secret).update(digest, 'utf8').digest().toString('hex', 0, ID_BYTES);
}
