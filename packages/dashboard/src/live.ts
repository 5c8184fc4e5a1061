/** What the fleet's stream told so far: one connection for the whole page, whatever it shows. */
import type { FleetChange, FleetView, JobSummary, LogEntry } from '@shoal/tracker/client';
import { follow } from './api.ts';

export interface Rates {
  peers: number;
  origin: number;
}

export interface Live {
  connected: boolean;
  fleet?: FleetView;
  /** Newest first. */
  jobs: JobSummary[];
  /** Newest first. */
  log: LogEntry[];
  /** Bytes a second, lately. */
  rates: Rates;
  /** Runs now and at each change. Returns how to end it. */
  subscribe(run: () => void): () => void;
  close(): void;
}

const MAX_LOG = 300;
const MAX_JOBS = 100;
const RATE_WINDOW_MS = 10_000;

export function openLive(): Live {
  const listeners = new Set<() => void>();
  const looks: FleetView[] = [];
  const tell = () => {
    for (const run of listeners) run();
  };
  const live: Live = {
    ...{ connected: false, jobs: [], log: [], rates: { peers: 0, origin: 0 } },
    subscribe(run) {
      listeners.add(run);
      run();
      return () => listeners.delete(run);
    },
    close: follow<FleetChange>('v1/events', {
      on(change) {
        live.fleet = change.fleet;
        live.rates = ratesOf(looks, change.fleet);
        live.jobs = change.whole ? change.jobs : mergedJobs(live.jobs, change.jobs);
        live.log = change.whole ? change.log.toReversed() : mergedLog(live.log, change.log);
        tell();
      },
      state(connected) {
        live.connected = connected;
        tell();
      },
    }),
  };
  return live;
}

function mergedJobs(before: JobSummary[], changed: JobSummary[]): JobSummary[] {
  if (changed.length === 0) return before;
  const jobs = new Map([...before, ...changed].map((job) => [job.id, job]));
  return [...jobs.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt)).slice(0, MAX_JOBS);
}

function mergedLog(before: LogEntry[], added: LogEntry[]): LogEntry[] {
  const last = before[0]?.number ?? 0;
  return [...added.filter(({ number }) => number > last).toReversed(), ...before].slice(0, MAX_LOG);
}

function ratesOf(looks: FleetView[], now: FleetView): Rates {
  looks.push(now);
  while (looks.length > 2 && Date.parse(now.at) - Date.parse(looks[0]?.at ?? now.at) > RATE_WINDOW_MS) looks.shift();
  const first = looks[0] ?? now;
  const seconds = (Date.parse(now.at) - Date.parse(first.at)) / 1000;
  // An agent that starts anew counts from zero.
  const rate = (key: 'receivedBytes' | 'originBytes') =>
    seconds > 0 ? Math.max(0, (now.traffic[key] - first.traffic[key]) / seconds) : 0;
  return { peers: rate('receivedBytes'), origin: rate('originBytes') };
}
