import { expect, it } from 'vitest';
import { chooseSeeder } from './choose-seeder.ts';

const random = () => 0.99;
const seeder = (peerId: string, load = 0, holds = false) => ({ peerId, load, holds });

it('takes a seeder that holds the blob before one that is idle', () => {
  expect(chooseSeeder([seeder('idle'), seeder('holder', 5, true)], { random })).toBe('holder');
});

it('takes who has the least to do, and equals at random', () => {
  const candidates = [seeder('busy', 3), seeder('a', 1), seeder('b', 1)];
  expect(chooseSeeder(candidates, { random })).toBe('b');
  expect(chooseSeeder(candidates, { random: () => 0 })).toBe('a');
});

it('takes one that just failed only when there is no other', () => {
  expect(chooseSeeder([seeder('a'), seeder('b', 9)], { random, failedPeerId: 'a' })).toBe('b');
  expect(chooseSeeder([seeder('a')], { random, failedPeerId: 'a' })).toBe('a');
});

it('finds nobody where nobody is', () => {
  expect(chooseSeeder([], { random })).toBeUndefined();
});
