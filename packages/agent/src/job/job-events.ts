/**
 * What happened to a job on this host since the tracker last heard of it. Decides how much is kept while there is no
 * session: the last of it. The log has all of it.
 */
import { type JobEvent, MAX_JOB_EVENTS } from '@shoal/tracker/client';

export type NewJobEvent = Omit<JobEvent, 'agoMs'>;

export interface JobEvents {
  add(event: NewJobEvent): void;
  /** All there are, for a report that is sent now; undefined when there are none. */
  take(): JobEvent[] | undefined;
}

export function createJobEvents(now: () => number = () => performance.now()): JobEvents {
  let waiting: (NewJobEvent & { atMs: number })[] = [];
  return {
    add(event) {
      waiting.push({ ...event, atMs: now() });
      if (waiting.length > MAX_JOB_EVENTS) waiting.shift();
    },
    take() {
      if (waiting.length === 0) return undefined;
      const taken = waiting.map(({ atMs, ...event }) => ({ ...event, agoMs: Math.max(0, Math.round(now() - atMs)) }));
      waiting = [];
      return taken;
    },
  };
}
