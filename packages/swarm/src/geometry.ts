/** How a blob is cut: piece length by blob size, piece and block bounds. No state. */

const MIN_PIECE_BYTES = 256 * 1024;
const MAX_PIECE_BYTES = 4 * 1024 * 1024;
/** Piece count is what brings a swarm close to its bound: about a thousand, 2,000 for 8 GB. */
const PIECES_AIMED_AT = 1000;

/** A power of two from 256 KiB to 4 MiB, about a thousandth of the blob. */
export function pieceLengthFor(sizeBytes: number): number {
  let length = MIN_PIECE_BYTES;
  while (length < MAX_PIECE_BYTES && length * PIECES_AIMED_AT < sizeBytes) length *= 2;
  return length;
}

/** An empty blob has no pieces and is complete from the start. */
export function pieceCount(sizeBytes: number, pieceLength: number): number {
  return Math.ceil(sizeBytes / pieceLength);
}

/** Only the last piece may be shorter than `pieceLength`. */
export function pieceSize(pieceIndex: number, sizeBytes: number, pieceLength: number): number {
  return Math.min(pieceLength, sizeBytes - pieceIndex * pieceLength);
}
