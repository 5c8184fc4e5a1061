import { describe, expect, it } from 'vitest';
import { formatBytes, formatCopies, formatDuration, formatTable, percentOf, printable } from './format.ts';

describe('amounts', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [310_440_000, '310.4 MB'],
    [999_960, '1.0 MB'],
    [8e9, '8.0 GB'],
  ])('of %d bytes are decimal', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [420, '0.4 s'],
    [59_900, '59.9 s'],
    [245_000, '4 min 5 s'],
    [7_800_000, '2 h 10 min'],
  ])('of %d ms are times', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('all of nothing is 100 %, and 100 % is only all', () => {
    expect([percentOf(0, 0), percentOf(999, 1000), percentOf(5, 4)]).toEqual([100, 99, 100]);
  });

  it('copies of an image of no bytes are not a number of copies', () => {
    expect([formatCopies(2, 2), formatCopies(1, 0)]).toEqual(['1.00 ×', '–']);
  });
});

describe('a table', () => {
  it('aligns columns and leaves out those without content', () => {
    const rows = [
      ['a', '', 'x'],
      ['long', '', 'y'],
    ];
    expect(formatTable(['ONE', 'TWO', 'THREE'], rows)).toBe('ONE   THREE\na     x\nlong  y\n');
  });

  it('shows all columns when there are no rows', () => {
    expect(formatTable(['ONE', 'TWO'], [])).toBe('ONE  TWO\n');
  });

  it('lets no control characters of others reach the terminal', () => {
    expect(formatTable(['HOST'], [['a\u001b[31m\nb']])).toBe('HOST\na [31m b\n');
    expect(printable('a\u202eb')).toBe('a b');
  });
});
