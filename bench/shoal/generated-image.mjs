/* An image of any size that exists only as a key. Its digest must be known before: the bytes are computed once for it. */
import { randomBytes } from 'node:crypto';
import { keyStreamDigest } from '../harness/blob.mjs';

/** @param {number} sizeBytes */
export function makeGeneratedImage(sizeBytes) {
  const key = randomBytes(32);
  return { generated: { keyHex: key.toString('hex'), digest: keyStreamDigest(key, sizeBytes), sizeBytes } };
}
