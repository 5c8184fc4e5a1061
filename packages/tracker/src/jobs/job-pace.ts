/** How fast a job's bytes came in lately. Pure. */

export interface JobPace {
  /** All bytes so far. Bytes a second over the last while; 0 before two looks. */
  look(bytes: number, nowMs: number): number;
}

/** Reports come every half second to every two: shorter would show their rhythm. */
const WINDOW_MS = 10_000;
const STEP_MS = 500;

export function createJobPace(): JobPace {
  const looks: { atMs: number; bytes: number }[] = [];
  return {
    look(bytes, atMs) {
      const last = looks.at(-1);
      if (last === undefined || atMs - last.atMs >= STEP_MS) looks.push({ atMs, bytes });
      while (looks.length > 2 && atMs - (looks[1]?.atMs ?? atMs) > WINDOW_MS) looks.shift();
      const first = looks[0];
      if (first === undefined || atMs <= first.atMs) return 0;
      return Math.max(0, ((bytes - first.bytes) * 1000) / (atMs - first.atMs));
    },
  };
}
