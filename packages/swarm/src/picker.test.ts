import { describe, expect, it } from 'vitest';
import { pieceCount, pieceLengthFor, pieceSize } from './geometry.ts';
import { createNeighbourGraph } from './neighbour-graph.ts';
import { PiecePicker } from './picker.ts';
import { PieceSet } from './piece-set.ts';
import { randomFrom } from './random.ts';

const setOf = (length: number, ...pieces: number[]): PieceSet => {
  const set = new PieceSet(length);
  for (const piece of pieces) set.add(piece);
  return set;
};

/** Availability drawn a digit a piece; every piece open. */
function pickerFor(drawing: string, random = randomFrom(1)): PiecePicker {
  const picker = new PiecePicker(drawing.length, random);
  [...drawing].forEach((digit, piece) => {
    picker.open(piece);
    for (let holder = 0; holder < Number(digit); holder++) picker.adjust(piece, 1);
  });
  return picker;
}

describe('the piece picker', () => {
  it('takes the rarest piece that the holder has', () => {
    const picker = pickerFor('33123');
    expect(picker.pick(setOf(5, 0, 1, 2, 3, 4))).toBe(2);
    expect(picker.pick(setOf(5, 0, 3, 4))).toBe(3);
  });

  it('never takes a piece that is not open', () => {
    const picker = pickerFor('211');
    picker.close(1);
    picker.close(2);
    expect(picker.pick(setOf(3, 0, 1, 2))).toBe(0);
    picker.close(0);
    expect(picker.pick(setOf(3, 0, 1, 2))).toBeUndefined();
  });

  it('takes any piece alike for who asks for one whatever its rarity', () => {
    const picker = pickerFor('3912');
    const picked = new Set<number | undefined>();
    for (let time = 0; time < 200; time++) picked.add(picker.pickAny(setOf(4, 0, 1, 3), (piece) => piece !== 3));
    expect(picked).toEqual(new Set([0, 1]));
    expect(picker.pickAny(setOf(4, 0), () => false)).toBeUndefined();
  });

  it('breaks ties at random', () => {
    const picker = pickerFor('1'.repeat(50));
    const all = setOf(50, ...Array.from({ length: 50 }, (_, piece) => piece));
    const picked = new Set(Array.from({ length: 100 }, () => picker.pick(all)));
    expect(picked.size).toBeGreaterThan(20);
  });

  it('follows haves and lost holders', () => {
    const picker = pickerFor('12');
    picker.adjust(0, 1);
    picker.adjust(0, 1);
    expect(picker.pick(setOf(2, 0, 1))).toBe(1);
    picker.adjust(0, -1);
    picker.adjust(0, -1);
    expect(picker.pick(setOf(2, 0, 1))).toBe(0);
  });
});

describe('piece geometry', () => {
  it('is about a thousandth of the blob, a power of two from 256 KiB to 4 MiB', () => {
    const KiB = 1024;
    expect(pieceLengthFor(0)).toBe(256 * KiB);
    expect(pieceLengthFor(300e6)).toBe(512 * KiB);
    expect(pieceLengthFor(1e9)).toBe(1024 * KiB);
    expect(pieceLengthFor(8 * 1024 ** 3)).toBe(4096 * KiB);
  });

  it('has a short last piece, and no piece in an empty blob', () => {
    expect(pieceCount(0, 4)).toBe(0);
    expect(pieceCount(9, 4)).toBe(3);
    expect(pieceSize(2, 9, 4)).toBe(1);
  });
});

describe('the neighbour graph', () => {
  const build = (members: number) => {
    const graph = createNeighbourGraph({ degree: 30, random: randomFrom(3) });
    for (let index = 0; index < members; index++) graph.add(`p${index}`);
    return graph;
  };

  it('links everyone with everyone while there are few', () => {
    const graph = build(6);
    for (let index = 0; index < 6; index++) expect(graph.neighboursOf(`p${index}`)).toHaveLength(5);
  });

  it('is symmetric and stays near its degree', () => {
    const graph = build(500);
    for (let index = 0; index < 500; index++) {
      const neighbours = graph.neighboursOf(`p${index}`);
      expect(neighbours.length).toBeLessThanOrEqual(60);
      for (const neighbour of neighbours) expect(graph.neighboursOf(neighbour)).toContain(`p${index}`);
    }
  });

  it('forgets a member that left', () => {
    const graph = build(4);
    expect(graph.remove('p1').sort()).toEqual(['p0', 'p2', 'p3']);
    expect(graph.neighboursOf('p0')).not.toContain('p1');
    expect(graph.size).toBe(3);
  });
});
