import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBencoding, encodeBencoding, isBencoding } from './bencoding.ts';

describe('bencoding', () => {
  it.each(['i0e', 'i-12e', '0:', '4:spam', 'le', 'de', 'l4:spami1ee', 'd1:al1:be1:cd1:di1eee', 'd0:0:e'])(
    'accepts %s',
    (text) => {
      expect(isBencoding(Buffer.from(text))).toBe(true);
    },
  );

  it.each([
    '',
    'i',
    'ie',
    'i-e',
    'i1.5e',
    'i+1e',
    'i12',
    '5:spam',
    '4spam',
    ':',
    '-1:',
    'l',
    'd',
    'e',
    'lee',
    'i1ei2e',
    'd1:ae',
    'di1e1:ae',
    'd1:a',
    'l-3:e',
    '99999999999:a',
    `i${'9'.repeat(30)}e`,
    'de ',
    'dle1:ae',
  ])('refuses %s', (text) => {
    expect(isBencoding(Buffer.from(text))).toBe(false);
    expect(decodeBencoding(Buffer.from(text))).toBeUndefined();
  });

  it('refuses a nest deeper than eight, without recursion', () => {
    const nest = (depth: number) => Buffer.from('l'.repeat(depth) + 'e'.repeat(depth));
    expect(isBencoding(nest(8))).toBe(true);
    expect(isBencoding(nest(9))).toBe(false);
    expect(isBencoding(nest(1_000_000))).toBe(false);
  });

  it('never throws or hangs on noise made of its own signs', () => {
    const sign = fc.constantFrom('d', 'l', 'i', 'e', ':', '-', '0', '1', '2', '9', 'x');
    fc.assert(
      fc.property(fc.array(sign, { maxLength: 60 }), (signs) => {
        const bytes = Buffer.from(signs.join(''));
        expect(decodeBencoding(bytes) !== undefined).toBe(isBencoding(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('gives back what it encoded', () => {
    const value = { number: -7, list: [1, 'two', [3]], nest: { bytes: Buffer.from([0, 255]) } };
    expect(decodeBencoding(encodeBencoding(value))).toEqual({
      number: -7,
      list: [1, new Uint8Array(Buffer.from('two')), [3]],
      nest: { bytes: new Uint8Array([0, 255]) },
    });
  });
});
