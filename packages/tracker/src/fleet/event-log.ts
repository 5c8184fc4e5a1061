/**
 * The latest of what happened, in memory, for who looks: jobs that changed their state, hosts that came and left.
 * Decides what is told host by host and what as a number.
 */
import type { LogEntry } from '../client/fleet-schemas.ts';
import type { JobState } from '../client/job-schemas.ts';
import type { Clock } from '../clock.ts';

export interface EventLog {
  job(job: { id: string; name: string; state: JobState }): void;
  host(kind: 'hostCame' | 'hostLeft', host: { peerId: string; name: string }): void;
  /** Those with a higher number. */
  since(number: number): LogEntry[];
}

const MAX_ENTRIES = 300;
/** A restart of the tracker brings ten thousand hosts at once: they would push all else out. */
const MAX_HOSTS_A_SECOND = 10;

export function createEventLog(clock: Clock): EventLog {
  const entries: LogEntry[] = [];
  let number = 0;
  let second = { startMs: Number.NEGATIVE_INFINITY, hosts: 0, many: undefined as LogEntry | undefined };

  const add = (entry: Omit<LogEntry, 'number' | 'at'>): LogEntry => {
    const whole = { number: ++number, at: new Date(clock.now()).toISOString(), ...entry };
    entries.push(whole);
    if (entries.length > MAX_ENTRIES) entries.shift();
    return whole;
  };

  return {
    job: ({ id, name, state }) => void add({ kind: 'job', id, name, state }),
    host(kind, { peerId, name }) {
      const nowMs = clock.uptime();
      if (nowMs - second.startMs >= 1000) second = { startMs: nowMs, hosts: 0, many: undefined };
      if (++second.hosts <= MAX_HOSTS_A_SECOND) return void add({ kind, id: peerId, name });
      const key = kind === 'hostCame' ? 'came' : 'left';
      const many = second.many;
      // Told again under a new number, so that who has read it learns the rest.
      if (many !== undefined && entries.at(-1) === many) entries.pop();
      const counts = { came: many?.came ?? 0, left: many?.left ?? 0 };
      second.many = add({ kind: 'manyHosts', ...counts, [key]: counts[key] + 1 });
    },
    since: (from) => entries.filter((entry) => entry.number > from),
  };
}
