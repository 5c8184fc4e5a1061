import { expect, it } from 'vitest';
import { createSlices } from './slices.ts';

/** Slices of 20 ms on a clock and a loop that a test turns; each piece of work takes so long. */
function kit(workMs: number) {
  let nowMs = 0;
  const loop: (() => void)[] = [];
  const done: number[] = [];
  const slices = createSlices(
    () => nowMs,
    ((run: () => void) => void loop.push(run)) as unknown as typeof setImmediate,
  );
  return {
    done,
    say: (...numbers: number[]) =>
      numbers.map((number) =>
        slices.run(() => {
          nowMs += workMs;
          done.push(number);
        }),
      ),
    /** What else there is has its turn here. */
    turn: () => loop.shift()?.(),
    isResting: () => loop.length === 0,
  };
}

it('what takes little is done at once', () => {
  const { say, done } = kit(1);
  expect(say(1, 2, 3)).toEqual([true, true, true]);
  expect(done).toEqual([1, 2, 3]);
});

it('a storm is done in slices, in order, and everything else has its turn between them', () => {
  const { say, done, turn, isResting } = kit(10);
  expect(say(1, 2, 3, 4, 5)).toEqual([true, true, false, false, false]);
  turn();
  expect(done).toEqual([1, 2, 3, 4]);
  say(6);
  expect(done).toEqual([1, 2, 3, 4]);
  turn();
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
  expect(isResting()).toBe(true);
});

it('what is said while others wait does not go before them', () => {
  const { say, done, turn } = kit(30);
  say(1, 2);
  turn();
  say(3);
  turn();
  expect(done).toEqual([1, 2, 3]);
});

it('one that takes longer than a slice keeps nobody from being heard', () => {
  const { say, done, turn } = kit(1000);
  say(1, 2);
  for (let times = 0; times < 3; times++) turn();
  expect(done).toEqual([1, 2]);
});
