/** Wakes the jobs when the next one is due, whatever is done to the machine's date meanwhile. */
import type { Clock } from '../clock.ts';
import type { Job } from './job.ts';

export interface JobAlarm {
  /** Milliseconds since the epoch; undefined: nothing is due. Replaces what was set before. */
  set(atMs: number | undefined): void;
  stop(): void;
}

/** Looked at so often at least: a date that jumps forward must not make a job late. */
const MAX_SLEEP_MS = 30_000;

export function createJobAlarm(clock: Clock, ring: () => void): JobAlarm {
  let cancel = () => {};
  return {
    set(atMs) {
      cancel();
      if (atMs === undefined) return;
      cancel = clock.after(Math.max(0, Math.min(MAX_SLEEP_MS, atMs - clock.now())), ring);
    },
    stop: () => cancel(),
  };
}

/** When the first of these begins, or ends as a standing one; undefined: none of them is due at a time. */
export function nextAlarm(jobs: readonly Job[]): number | undefined {
  const times = jobs.flatMap(({ begun, terms }) => [
    ...(begun || terms.at === undefined ? [] : [Date.parse(terms.at)]),
    ...(terms.standing && terms.keepUntil !== undefined ? [Date.parse(terms.keepUntil)] : []),
  ]);
  return times.length === 0 ? undefined : Math.min(...times);
}
