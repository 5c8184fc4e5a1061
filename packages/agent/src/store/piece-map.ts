/**
 * The map beside a blob's data file: what the blob is, which pieces are verified and on disk, and
 * the hashes they had. Bytes to a value and back; a map that does not make sense is no map.
 */
import { type Digest, isDigest } from '@shoal/oci';
import { pieceCount } from '@shoal/swarm';

export interface PieceMap {
  digest: Digest;
  size: number;
  pieceLength: number;
  /** The known prefix of piece hashes, n × 32 bytes. */
  hashes: Buffer;
  /** Bitfield of verified pieces. */
  held: Buffer;
  /** The agent stopped in order: what the map claims was flushed and not touched since. */
  clean: boolean;
}

const VERSION = 1;
const HASH_BYTES = 32;

export function encodePieceMap(map: PieceMap): Buffer {
  const { hashes, held, ...facts } = map;
  return Buffer.from(
    JSON.stringify({ version: VERSION, ...facts, hashes: hashes.toString('base64'), held: held.toString('base64') }),
  );
}

/** Undefined for anything that is not a whole map of this version: the blob is then fetched anew. */
export function decodePieceMap(bytes: Uint8Array): PieceMap | undefined {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { version, digest, size, pieceLength, hashes, held, clean } = value ?? {};
  if (version !== VERSION || typeof digest !== 'string' || !isDigest(digest)) return undefined;
  if (!isCount(size) || !isCount(pieceLength) || pieceLength === 0) return undefined;
  if (typeof hashes !== 'string' || typeof held !== 'string') return undefined;
  const map = {
    digest,
    size,
    pieceLength,
    hashes: Buffer.from(hashes, 'base64'),
    held: Buffer.from(held, 'base64'),
    clean: clean === true,
  };
  const pieces = pieceCount(size, pieceLength);
  const fits =
    map.hashes.length % HASH_BYTES === 0 &&
    map.hashes.length <= pieces * HASH_BYTES &&
    map.held.length === Math.ceil(pieces / 8);
  return fits ? map : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
