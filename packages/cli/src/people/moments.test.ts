import { expect, it } from 'vitest';
import { momentAfter } from './moments.ts';

const NOON = new Date(2026, 10, 27, 12, 0).getTime();
const local = (...parts: [number, number, number, number, number]) => new Date(...parts).toISOString();

it.each([
  ['22:00', local(2026, 10, 27, 22, 0)],
  ['6:00', local(2026, 10, 28, 6, 0)],
  ['12:00', local(2026, 10, 28, 12, 0)],
  ['2026-12-31', local(2026, 11, 31, 0, 0)],
  ['2026-12-31T22:30', local(2026, 11, 31, 22, 30)],
  ['2026-12-31T22:30Z', '2026-12-31T22:30:00.000Z'],
])('%s is %s', (text, moment) => {
  expect(momentAfter(text, NOON)).toBe(moment);
});

it.each(['24:00', '12:60', 'tomorrow', '2026-13-01', '', '5'])('%s is refused with what to write', (text) => {
  expect(() => momentAfter(text, NOON)).toThrow(/Write 22:00/);
});
