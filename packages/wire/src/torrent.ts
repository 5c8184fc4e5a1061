/*
 * The `.torrent` of one blob for a foreign client (BEP 3, one file, `private` of BEP 27).
 * Decides its bytes and its info hash; who may have it is the tracker's matter. The salt makes the info hash a secret:
 * who knows the blob's digest, even the blob itself, cannot name the torrent.
 */
import { createHash, createHmac } from 'node:crypto';
import { encodeBencoding } from './bencoding.ts';

export const SHA1_BYTES = 20;
const SALT_DOMAIN = 'shoal-torrent-salt-v1\0';

export interface TorrentFields {
  /** The name of the file a client writes. */
  name: string;
  /** Bytes. */
  length: number;
  pieceLength: number;
  /** SHA-1 of each piece, n × 20 bytes. */
  sha1: Uint8Array;
  salt: Uint8Array;
  /** The announce URL. Not part of the info hash. */
  announce: string;
  comment?: string;
}

export interface Torrent {
  bytes: Buffer;
  /** 40 hex digits. */
  infoHash: string;
}

/** Keys come out sorted as BEP 3 wants. Throws a TypeError when there is not one hash a piece. */
export function encodeTorrent(fields: TorrentFields): Torrent {
  const { name, length, pieceLength, sha1, salt, announce, comment } = fields;
  const wantedBytes = Math.ceil(length / pieceLength) * SHA1_BYTES;
  if (sha1.length !== wantedBytes) throw new TypeError(`expected ${wantedBytes} bytes of hashes, got ${sha1.length}`);
  const info = { length, name, 'piece length': pieceLength, pieces: sha1, private: 1, salt };
  return {
    bytes: encodeBencoding({ announce, comment, info }),
    infoHash: createHash('sha1').update(encodeBencoding(info)).digest('hex'),
  };
}

/** 32 bytes, always the same for a digest. The domain keeps it apart from the swarm id under the same secret. */
export function torrentSaltOf(secret: Uint8Array, digest: string): Buffer {
  return createHmac('sha256', secret).update(SALT_DOMAIN, 'latin1').update(digest, 'utf8').digest();
}
