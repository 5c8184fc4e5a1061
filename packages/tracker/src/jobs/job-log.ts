/**
 * What happened in each job, from all hosts, for `shoal logs`: in memory, the last of it. Decides what is forgotten:
 * trouble has room of its own, so that the many who got on well do not push it out.
 */
import type { JobLog, JobLogEntry } from '../client/job-schemas.ts';
import type { JobEvent } from '../client/shapes.ts';
import type { Clock } from '../clock.ts';
import type { AgentSession } from '../session/agent-session.ts';

export interface JobLogs {
  /** What a host of the job sent. */
  take(jobId: string, session: Pick<AgentSession, 'peerId' | 'name'>, events: readonly JobEvent[]): void;
  /** What the tracker itself did. */
  note(jobId: string, entry: Omit<JobLogEntry, 'at'>): void;
  of(jobId: string): JobLog;
}

/** Each of trouble and the rest: some 3 MB a job. */
const MOST_ENTRIES = 5000;
const MOST_JOBS = 20;

interface Kept {
  atMs: number;
  entry: Omit<JobLogEntry, 'at'>;
}

interface Log {
  trouble: Kept[];
  rest: Kept[];
  dropped: number;
}

export function createJobLogs(clock: Clock): JobLogs {
  /** In the order of their last entry. */
  const logs = new Map<string, Log>();

  const add = (jobId: string, kept: Kept): void => {
    const log = logs.get(jobId) ?? { trouble: [], rest: [], dropped: 0 };
    logs.delete(jobId);
    logs.set(jobId, log);
    const list = kept.entry.level === 'info' ? log.rest : log.trouble;
    list.push(kept);
    // Seldom, and then many: one at a time would move the whole list each time.
    if (list.length >= 1.2 * MOST_ENTRIES) log.dropped += list.splice(0, list.length - MOST_ENTRIES).length;
    if (logs.size > MOST_JOBS) logs.delete(logs.keys().next().value ?? '');
  };

  return {
    take(jobId, { peerId, name }, events) {
      for (const { agoMs, ...entry } of events)
        add(jobId, { atMs: clock.now() - agoMs, entry: { host: name, peerId, ...entry } });
    },
    note: (jobId, entry) => add(jobId, { atMs: clock.now(), entry }),
    of(jobId) {
      const { trouble, rest, dropped } = logs.get(jobId) ?? { trouble: [], rest: [], dropped: 0 };
      const inOrder = [...trouble, ...rest].sort((a, b) => a.atMs - b.atMs);
      return { entries: inOrder.map(({ atMs, entry }) => ({ at: new Date(atMs).toISOString(), ...entry })), dropped };
    },
  };
}
