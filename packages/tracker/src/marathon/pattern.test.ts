import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from './pattern.ts';
import { matchesWhole } from './run-pattern.ts';

const matches = (pattern: string, text: string) => matchesWhole(compilePattern(pattern), text, { steps: 1_000_000 });

const atom = fc.constantFrom('a', 'b', '-', '.', '\\.', '\\d', '\\W', '[ab]', '[^a]', '[a-c1-]', '^', '$');
const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{0,2}', '{1,}', '*?');
const piece = fc.tuple(atom, quantifier).map(([one, count]) => (one === '^' || one === '$' ? one : one + count));
const branches = (part: fc.Arbitrary<string>) =>
  fc
    .array(fc.array(part, { maxLength: 3 }), { minLength: 1, maxLength: 2 })
    .map((all) => all.map((parts) => parts.join('')).join('|'));
const grouped = (part: fc.Arbitrary<string>) =>
  fc.tuple(branches(part), quantifier).map(([inner, count]) => `(?:${inner})${count}`);
const inner = fc.oneof(piece, grouped(piece));
const pattern = branches(fc.oneof(inner, grouped(inner)));

describe('a pattern', () => {
  it('says of every text what the language itself says of it', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', '.', '1', '\n'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (one, it) => {
        expect(matches(one, it)).toBe(new RegExp(`^(?:${one})$`, 'u').test(it));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['web-\\d+\\.example\\.com', 'web-17.example.com', true],
    ['web', 'web-17', false],
    ['(?i)WIN-.*', 'win-017', true],
    ['(?i)[^x]', 'X', false],
    ['10\\.0\\.(14393|17763)\\..*', '10.0.14393.5582', true],
    ['(?<rack>r[1-3])', 'r2', true],
    ['', '', true],
    ['.', '\u{1f433}', true],
  ])('%j against %j', (one, text, expected) => {
    expect(matches(one, text)).toBe(expected);
  });

  it.each([
    '(',
    ')',
    '[',
    '[]',
    'a**',
    'a{2,1}',
    'a{x}',
    '*',
    '\\',
    '(?=a)',
    '\\1',
    'a++',
    '[a-[b]]',
    '[z-a]',
    '\\bx',
    'x{1}{2}',
  ])('%j is refused, not misread', (one) => {
    expect(() => compilePattern(one)).toThrow(expect.objectContaining({ code: 'BAD_CONSTRAINT' }));
  });

  it('that would run back for years costs steps in proportion to the text', () => {
    for (const one of ['(a+)+b', '(a|a)*b', '(a*)*b', '(?:a?){30}a{30}b']) {
      const budget = { steps: 1_000_000 };
      expect(matchesWhole(compilePattern(one), 'a'.repeat(1000), budget)).toBe(false);
      expect(budget.steps).toBeGreaterThan(0);
    }
  });

  it('is refused when it is long, deep, or its counts multiply', () => {
    for (const one of ['a'.repeat(1001), '('.repeat(60), '((a{100}){100}){100}'])
      expect(() => compilePattern(one)).toThrow(/cannot be evaluated/);
  });

  it('stops when the budget of the question is spent', () => {
    expect(() => matchesWhole(compilePattern('.*'), 'a'.repeat(100), { steps: 50 })).toThrow(/take too long/);
  });

  it('of any characters ends, with a pattern or with the reason', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (one) => {
        try {
          matches(one, 'web-17');
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_CONSTRAINT' });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
