/*
 * Bytes that do not compress: a cipher's key stream. As a file with the hashes others want to know, or as a stream that
 * can be had again from any offset.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { MIB } from './bytes.mjs';

/** Of the BitTorrent programs; the data plane figures of the project are for pieces of this size. */
export const TORRENT_PIECE_BYTES = 4 * MIB;

const AES_BLOCK_BYTES = 16;
const ZEROS = Buffer.alloc(TORRENT_PIECE_BYTES);

/** @typedef {{ sizeBytes: number, digest: string, pieceBytes: number, pieceSha1s: Buffer }} BlobFacts `digest`: sha256:…; 20 bytes a piece */

/** @param {string} file @param {number} sizeBytes @param {number} [pieceBytes] for `pieceSha1s`, a part of 4 MiB @returns {Promise<BlobFacts>} */
export async function writeRandomBlob(file, sizeBytes, pieceBytes = TORRENT_PIECE_BYTES) {
  const key = randomBytes(32);
  const whole = createHash('sha256');
  const pieceSha1s = [];
  const handle = await open(file, 'wx');
  try {
    for (const chunk of keyStream(key, 0, sizeBytes)) {
      whole.update(chunk);
      for (let at = 0; at < chunk.length; at += pieceBytes)
        pieceSha1s.push(
          createHash('sha1')
            .update(chunk.subarray(at, at + pieceBytes))
            .digest(),
        );
      for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
    }
  } finally {
    await handle.close();
  }
  return { sizeBytes, digest: `sha256:${whole.digest('hex')}`, pieceBytes, pieceSha1s: Buffer.concat(pieceSha1s) };
}

/** The same key gives the same bytes; `offset` must be a multiple of 16. @param {Buffer} key @param {number} offset @param {number} sizeBytes */
export function* keyStream(key, offset, sizeBytes) {
  const counter = Buffer.alloc(AES_BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(offset / AES_BLOCK_BYTES), 8);
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  for (let at = offset; at < sizeBytes; at += ZEROS.length) {
    yield cipher.update(at + ZEROS.length <= sizeBytes ? ZEROS : ZEROS.subarray(0, sizeBytes - at));
  }
}

/** @param {Buffer} key @param {number} sizeBytes @returns {string} sha256:… */
export function keyStreamDigest(key, sizeBytes) {
  const hash = createHash('sha256');
  for (const chunk of keyStream(key, 0, sizeBytes)) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}
