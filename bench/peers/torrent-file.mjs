/* A .torrent of one file: private, so that no program looks for peers by itself. */
import { writeFile } from 'node:fs/promises';
import bencode from 'bencode';

export const TORRENT_CONTENT = 'blob.bin';

/** @param {string} file @param {import('../harness/blob.mjs').BlobFacts} blob @param {string} [announce] URL of a tracker */
export async function writeTorrentFile(file, blob, announce) {
  const info = {
    length: blob.sizeBytes,
    name: TORRENT_CONTENT,
    'piece length': blob.pieceBytes,
    pieces: blob.pieceSha1s,
    private: 1,
  };
  await writeFile(file, bencode.encode(announce === undefined ? { info } : { announce, info }));
}
