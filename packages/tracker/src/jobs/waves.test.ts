import { describe, expect, it } from 'vitest';
import { shareOf, shuffled, waveNumbers } from './waves.ts';

const WAVES = { percents: [1, 10, 100], goOnAt: 90, stopAt: 10 };
const sizesOf = (numbers: number[]) => [0, 1, 2].map((wave) => numbers.filter((number) => number === wave).length);

describe('waves', () => {
  it.each([
    [1000, [10, 90, 900]],
    [10, [1, 0, 9]],
    [1, [1, 0, 0]],
  ])('of %d hosts have %j of them', (count, sizes) => {
    expect(sizesOf(waveNumbers(count, WAVES))).toEqual(sizes);
  });

  it('that do not end with all take all that are left', () => {
    expect(waveNumbers(4, { ...WAVES, percents: [25, 50] })).toEqual([0, 1, 1, 1]);
    expect(waveNumbers(2, undefined)).toEqual([0, 0]);
  });
});

it('the order of hosts is by chance, but always the same, whatever the order they come in', () => {
  const hosts = Array.from({ length: 100 }, (_, index) => ({ name: `web-${index}` }));
  const order = shuffled(hosts).map(({ name }) => name);
  expect(shuffled(hosts.toReversed()).map(({ name }) => name)).toEqual(order);
  expect(order).not.toEqual(hosts.map(({ name }) => name));
});

it('a share is at least one host', () => {
  expect([shareOf(1, 1), shareOf(1000, 10), shareOf(11, 10)]).toEqual([1, 100, 2]);
});
