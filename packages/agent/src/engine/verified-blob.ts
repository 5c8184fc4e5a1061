/**
 * The proof every blob passes on its way out: length and digest.
 *
 * Hashes the bytes as they pass and withholds the last block until the digest holds, so that what reads this stream
 * never holds a complete wrong file. Does not read or store anything itself.
 */

import { createHash } from 'node:crypto';
import type { Digest } from '@shoal/oci';
import { EngineError } from './errors.ts';

export interface ExpectedBlob {
  digest: Digest;
  sizeBytes: number;
}

/** Throws BLOB_SIZE_MISMATCH or BLOB_DIGEST_MISMATCH in place of the last block; errors of `source` pass unchanged. */
export async function* verifiedBlob(source: AsyncIterable<Uint8Array>, blob: ExpectedBlob): AsyncGenerator<Uint8Array> {
  const [algorithm = '', hex] = blob.digest.split(':');
  const hash = createHash(algorithm);
  let passedBytes = 0;
  let last: Uint8Array | undefined;
  for await (const block of source) {
    if (block.length === 0) continue;
    passedBytes += block.length;
    if (passedBytes > blob.sizeBytes) throw wrongSize(blob, `more than ${blob.sizeBytes} bytes came`);
    hash.update(block);
    if (passedBytes < blob.sizeBytes) yield block;
    else last = block;
  }
  if (passedBytes < blob.sizeBytes) throw wrongSize(blob, `${passedBytes} of ${blob.sizeBytes} bytes came`);
  if (hash.digest('hex') !== hex) {
    throw new EngineError('BLOB_DIGEST_MISMATCH', `${blob.digest}; drop the blob and fetch it again`, blob);
  }
  if (last) yield last;
}

function wrongSize(blob: ExpectedBlob, what: string): EngineError {
  return new EngineError('BLOB_SIZE_MISMATCH', `${blob.digest}: ${what}`, { digest: blob.digest });
}
