import { describe, expect, it } from 'vitest';
import { createStretches, type Stretches } from './stretches.ts';

const PIECE = 4 * 1024 * 1024;
/** Stretches of four pieces; the last one has two. */
const blob = { pieceCount: 18, pieceLength: PIECE };

function shared(): Stretches {
  const stretches = createStretches(blob);
  if (stretches === undefined) throw new Error('large enough');
  return stretches;
}

const readWhole = (stretches: Stretches, peerId: string, { first, count } = { first: 0, count: 0 }): void => {
  for (let piece = first; piece < first + count; piece++) stretches.published(peerId, piece);
};

describe('stretches of a blob', () => {
  it('go out in order, each once, the last one to the lead', () => {
    const stretches = shared();
    const taken = ['lead', 'helper', 'lead', 'helper'].map((peerId) => stretches.take(peerId, peerId === 'lead'));
    expect(taken.map((stretch) => stretch?.first)).toEqual([0, 4, 8, 12]);
    expect(stretches.take('helper', false)).toBeUndefined();
    expect(stretches.take('lead', true)).toEqual({ first: 16, count: 2 });
    expect(stretches.take('lead', true)).toBeUndefined();
  });

  it('are read when their last hash is published by who was to read them', () => {
    const stretches = shared();
    const stretch = stretches.take('helper', false);
    readWhole(stretches, 'another', stretch);
    stretches.published('helper', 0);
    expect(stretches.openOf('helper')).toBe(1);
    readWhole(stretches, 'helper', stretch);
    expect(stretches.openOf('helper')).toBe(0);
  });

  it('of a lost seeder go out again: what it had not read to anybody, the rest at the end and to the lead', () => {
    const stretches = shared();
    const [read, open] = [stretches.take('helper', false), stretches.take('helper', false)];
    readWhole(stretches, 'helper', read);
    stretches.release('helper');
    expect(stretches.take('other', false)).toEqual(open);
    expect([stretches.take('other', false)?.first, stretches.take('other', false)?.first]).toEqual([8, 12]);
    expect(stretches.take('other', false)).toBeUndefined();
    expect(stretches.take('lead', true)?.first).toBe(16);
    expect(stretches.take('lead', true)).toEqual(read);
  });

  it('are not made of a blob that one seeder reads as fast', () => {
    expect(createStretches({ pieceCount: 8, pieceLength: PIECE })).toBeUndefined();
    expect(createStretches({ pieceCount: 9, pieceLength: PIECE })).toBeDefined();
  });
});
