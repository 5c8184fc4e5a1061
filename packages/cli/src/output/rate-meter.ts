/**
 * A rate from a growing count, over a sliding window. The time is an argument.
 */

export interface RateMeter {
  /** Bytes per second over the last seconds, after this count. */
  add(totalBytes: number, nowMs: number): number;
}

const WINDOW_MS = 3000;

export function createRateMeter(): RateMeter {
  let samples: { totalBytes: number; atMs: number }[] = [];
  return {
    add(totalBytes, nowMs) {
      samples.push({ totalBytes, atMs: nowMs });
      // One sample from before the window stays: a rate needs two ends.
      const firstInside = samples.findIndex(({ atMs }) => nowMs - atMs <= WINDOW_MS);
      samples = samples.slice(Math.max(0, firstInside - 1));
      const first = samples[0];
      if (first === undefined || nowMs <= first.atMs) return 0;
      return Math.max(0, ((totalBytes - first.totalBytes) * 1000) / (nowMs - first.atMs));
    },
  };
}
