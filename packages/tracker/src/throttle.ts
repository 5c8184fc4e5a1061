/**
 * Runs something at once and then at most once an interval, the last call never lost.
 */
import type { Clock } from './clock.ts';

export interface Throttle {
  call(): void;
  /** What is pending is dropped. */
  stop(): void;
}

/** The interval may change from one time to the next. */
export function createThrottle(clock: Clock, intervalMs: number | (() => number), run: () => void): Throttle {
  let cancel: (() => void) | undefined;
  let pending = false;
  function open(): void {
    cancel = undefined;
    if (pending) fire();
  }
  function fire(): void {
    pending = false;
    cancel = clock.after(typeof intervalMs === 'number' ? intervalMs : intervalMs(), open);
    run();
  }
  return {
    call() {
      if (cancel) pending = true;
      else fire();
    },
    stop() {
      cancel?.();
      cancel = undefined;
      pending = false;
    },
  };
}
