import { expect, it } from 'vitest';
import { lineDiff } from './line-diff.ts';

const text = (...lines: (string | number)[]): string => `${lines.join('\n')}\n`;

it('of the same text is empty', () => expect(lineDiff('a\n', 'a\n')).toBe(''));

it('shows what went and what came, with three lines around it', () => {
  const before = text(1, 2, 3, 4, 5, 6, 7, 8, 9);
  expect(lineDiff(before, before.replace('5', 'five'))).toBe(
    text(' 2', ' 3', ' 4', '-5', '+five', ' 6', ' 7', ' 8', '...'),
  );
});

it('against nothing is all new', () => expect(lineDiff('', text('a', 'b'))).toBe(text('+a', '+b')));

it('says that it gives up on what is too long', () => {
  expect(lineDiff('', '\n'.repeat(6000))).toMatch(/^too long/);
});
