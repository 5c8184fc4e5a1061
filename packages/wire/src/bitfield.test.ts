import { describe, expect, it } from 'vitest';
import { hasPiece, isValidBitfield, packBitfield } from './bitfield.ts';

describe('bitfield', () => {
  it('puts piece 0 in the high bit of the first byte', () => {
    expect(packBitfield(10, (index) => index === 0 || index === 9)).toEqual(Buffer.of(0x80, 0x40));
  });

  it('finds the pieces it was packed from', () => {
    const bits = packBitfield(21, (index) => index % 3 === 0);
    const found = Array.from({ length: 24 }, (_, index) => index).filter((index) => hasPiece(bits, index));
    expect(found).toEqual([0, 3, 6, 9, 12, 15, 18]);
  });

  it('is valid only with the right length and no spare bit', () => {
    expect(isValidBitfield(Buffer.of(0xff, 0xc0), 10)).toBe(true);
    expect(isValidBitfield(Buffer.of(0xff, 0xe0), 10)).toBe(false);
    expect(isValidBitfield(Buffer.of(0xff), 10)).toBe(false);
    expect(isValidBitfield(Buffer.of(0xff), 8)).toBe(true);
    expect(isValidBitfield(Buffer.of(0xff, 0x80), 9)).toBe(true);
    expect(isValidBitfield(Buffer.of(0xff, 0xc0), 9)).toBe(false);
    expect(isValidBitfield(Buffer.of(0xff), 9)).toBe(false);
    expect(isValidBitfield(Buffer.alloc(0), 0)).toBe(true);
  });
});
