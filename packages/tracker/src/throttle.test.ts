import { expect, it } from 'vitest';
import { createManualClock } from './clock.testkit.ts';
import { createThrottle } from './throttle.ts';

it('runs at once, then at most once an interval, and loses no last call', () => {
  const clock = createManualClock();
  const ran: number[] = [];
  const startMs = clock.now();
  const throttle = createThrottle(clock, 100, () => ran.push(clock.now() - startMs));
  throttle.call();
  throttle.call();
  throttle.call();
  clock.advance(250);
  throttle.call();
  expect(ran).toEqual([0, 100, 250]);
});

it('drops what is pending when stopped', () => {
  const clock = createManualClock();
  let runs = 0;
  const throttle = createThrottle(clock, 100, () => runs++);
  throttle.call();
  throttle.call();
  throttle.stop();
  clock.advance(1000);
  expect(runs).toBe(1);
});
