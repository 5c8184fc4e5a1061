/**
 * The fleet for those who watch it: one look a second for all of them together, none while nobody watches.
 * Decides what each has to be told. What a job or a host is, is not decided here.
 */
import type { FleetChange, FleetView } from '../client/fleet-schemas.ts';
import type { JobState } from '../client/job-schemas.ts';
import { type Clock, every } from '../clock.ts';
import { type Job, stateOfJob } from '../jobs/job.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { AgentRoster } from '../session/agent-roster.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { ZoneOf } from '../swarms/zones.ts';
import { createEventLog } from './event-log.ts';
import { countHosts } from './fleet-view.ts';

export interface FleetWatcher {
  /** It has more to read than it should: it is told everything anew when it has caught up. */
  isBehind(): boolean;
  changed(change: FleetChange): void;
}

export interface FleetDesk {
  view(): FleetView;
  /** At once all there is, then at most once a second what changed. Returns how to end it. */
  watch(watcher: FleetWatcher): () => void;
  jobMoved(job: Job): void;
  opened(session: AgentSession): void;
  closed(session: AgentSession): void;
  stop(): void;
}

export interface FleetDeskDeps {
  roster: AgentRoster;
  jobs(): Pick<Jobs, 'list' | 'summary'>;
  zoneOf: ZoneOf;
  clock: Clock;
}

const LOOK_EVERY_MS = 1000;

export function createFleetDesk({ roster, jobs, zoneOf, clock }: FleetDeskDeps): FleetDesk {
  const log = createEventLog(clock);
  /** By watcher whether it has to be told everything. */
  const watchers = new Map<FleetWatcher, { stale: boolean }>();
  const moved = new Set<string>();
  const states = new Map<string, JobState>();
  let told = 0;
  let stopLooking: (() => void) | undefined;

  /** Hosts are counted anew only when one came or left; what they moved changes all the time. */
  let counted: { changes: number; counts: ReturnType<typeof countHosts> } | undefined;
  const view = (): FleetView => {
    const changes = roster.changes();
    if (counted?.changes !== changes) counted = { changes, counts: countHosts(roster.all(), zoneOf) };
    return { at: new Date(clock.now()).toISOString(), ...counted.counts, traffic: roster.traffic() };
  };
  const everything = (): FleetChange => ({ fleet: view(), whole: true, jobs: jobs().list(), log: log.since(0) });

  const look = () => {
    const news = {
      fleet: view(),
      whole: false,
      jobs: [...moved].map((id) => jobs().summary(id)),
      log: log.since(told),
    };
    moved.clear();
    told = news.log.at(-1)?.number ?? told;
    for (const [watcher, need] of watchers) {
      if (watcher.isBehind()) need.stale = true;
      else watcher.changed(need.stale ? everything() : news);
      if (!watcher.isBehind()) need.stale = false;
    }
  };

  const stop = () => {
    stopLooking?.();
    stopLooking = undefined;
  };

  return {
    view,
    watch(watcher) {
      const first = everything();
      if (watchers.size === 0) {
        told = first.log.at(-1)?.number ?? 0;
        moved.clear();
      }
      watchers.set(watcher, { stale: false });
      watcher.changed(first);
      stopLooking ??= every(clock, LOOK_EVERY_MS, look);
      return () => {
        watchers.delete(watcher);
        if (watchers.size === 0) stop();
      };
    },
    jobMoved(job) {
      if (watchers.size > 0) moved.add(job.id);
      const state = stateOfJob(job);
      if (states.get(job.id) !== state) log.job({ id: job.id, name: job.images[0]?.reference ?? '', state });
      if (job.ended) states.delete(job.id);
      else states.set(job.id, state);
    },
    opened: (session) => log.host('hostCame', session),
    closed: (session) => log.host('hostLeft', session),
    stop,
  };
}
