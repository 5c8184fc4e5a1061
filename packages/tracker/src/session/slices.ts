/**
 * What all sessions say, one after the other in slices of time. Ten thousand agents that join a swarm at once are ten
 * seconds of work, and libuv reads on while there is something to read: timers, HTTP and whoever watches a job would wait
 * for all of it. Decides when, not what.
 */

/** A watched job is told of ten times a second. */
const SLICE_MS = 20;

export interface Slices {
  /** Runs it now, or when its turn comes; false when it has to wait. Order is kept. It must not throw. */
  run(work: () => void): boolean;
}

/** `now`: monotonic milliseconds. `soon`: runs after what is ready to be read was read. */
export function createSlices(now: () => number = () => performance.now(), soon = setImmediate): Slices {
  let waiting: (() => void)[] = [];
  /** When the slice under way began. */
  let begunMs: number | undefined;

  const hasTime = (): boolean => begunMs !== undefined && now() - begunMs < SLICE_MS;

  const next = (): void => {
    begunMs = now();
    let done = 0;
    while (done < waiting.length && hasTime()) waiting[done++]?.();
    waiting = waiting.slice(done);
    if (waiting.length > 0) soon(next);
    else begunMs = undefined;
  };

  return {
    run(work) {
      if (begunMs === undefined) {
        begunMs = now();
        soon(next);
      }
      const isNow = waiting.length === 0 && hasTime();
      if (isNow) work();
      else waiting.push(work);
      return isNow;
    },
  };
}
