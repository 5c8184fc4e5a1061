/*
 * The bitfield of BEP 3: one bit a piece, the high bit of the first byte is piece 0, spare bits are zero.
 * Decides its shape; who has what is kept elsewhere.
 */

/** Bytes a bitfield of so many pieces has. */
export function bitfieldBytes(pieceCount: number): number {
  return Math.ceil(pieceCount / 8);
}

export function packBitfield(pieceCount: number, has: (pieceIndex: number) => boolean): Buffer {
  const bits = Buffer.alloc(bitfieldBytes(pieceCount));
  for (let index = 0; index < pieceCount; index++) {
    if (has(index)) bits[index >> 3] = (bits[index >> 3] ?? 0) | (0x80 >> (index & 7));
  }
  return bits;
}

export function hasPiece(bits: Uint8Array, pieceIndex: number): boolean {
  return ((bits[pieceIndex >> 3] ?? 0) & (0x80 >> (pieceIndex & 7))) !== 0;
}

/** BEP 3: a bitfield of another length, or with a spare bit set, drops the connection. */
export function isValidBitfield(bits: Uint8Array, pieceCount: number): boolean {
  if (bits.length !== bitfieldBytes(pieceCount)) return false;
  const spareBits = bits.length * 8 - pieceCount;
  return spareBits === 0 || ((bits[bits.length - 1] ?? 0) & ((1 << spareBits) - 1)) === 0;
}
