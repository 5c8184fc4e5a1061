/**
 * A job in memory while it is open: who watches it, how fast it goes, and what its hosts are sent.
 */
import { isSettled, type JobSummary, type JobView } from '../client/job-schemas.ts';
import type { Clock } from '../clock.ts';
import type { AgentSession } from '../session/agent-session.ts';
import { createThrottle, type Throttle } from '../throttle.ts';
import { imagesOf, isActive, isEnded, type Job, type JobHost } from './job.ts';
import { createJobPace, type JobPace } from './job-pace.ts';
import { jobMessage, summaryOfJob, type ViewFacts, viewOfHost } from './job-view.ts';

/** Gets the job at once with all its hosts, then at each change with those that changed. */
export interface JobWatcher {
  /** Whether it has more to read than it should: it gets less often what has changed, and nothing is lost. */
  isBehind(): boolean;
  changed(change: JobView): void;
}

export interface OpenJob {
  job: Job;
  blobs: ReadonlySet<string>;
  throttle: Throttle;
  pace: JobPace;
  /** By watcher the hosts that changed since it was told. */
  watchers: Map<JobWatcher, Set<JobHost>>;
  /** One text for all hosts with the same variants. */
  messages: Map<string, Buffer>;
}

const NOTIFY_INTERVAL_MS = 250;
/** Beyond so many hosts a look at all of them is taken less often. */
const MANY_HOSTS = 1000;

export function openJob(job: Job, clock: Clock, onChange: (open: OpenJob) => void): OpenJob {
  const layers = job.images.flatMap(({ variants }) => variants).flatMap((variant) => variant.layers);
  const intervalMs = job.hosts.size > MANY_HOSTS ? 4 * NOTIFY_INTERVAL_MS : NOTIFY_INTERVAL_MS;
  const open: OpenJob = {
    job,
    blobs: new Set(layers.map(({ digest }) => digest)),
    throttle: createThrottle(clock, intervalMs, () => onChange(open)),
    pace: createJobPace(),
    watchers: new Map(),
    messages: new Map(),
  };
  return open;
}

/** Says the job to a host that is to have it now. */
export function handOver(open: OpenJob, host: JobHost, session: AgentSession): void {
  if (!isActive(open.job, host)) return;
  const key = host.variants.join();
  const message = open.messages.get(key) ?? Buffer.from(JSON.stringify(jobMessage(open.job, host)));
  open.messages.set(key, message);
  session.sendText(message);
}

export function hostChanged({ watchers, throttle }: OpenJob, host: JobHost): void {
  for (const changed of watchers.values()) changed.add(host);
  throttle.call();
}

export function summaryOf({ job, pace }: OpenJob, facts: ViewFacts): JobSummary {
  return summaryOfJob(job, facts, (haveBytes) => pace.look(haveBytes, facts.nowMs));
}

/** Tells each watcher what is new to it. */
export function notify(open: OpenJob, facts: ViewFacts): void {
  const { job, watchers } = open;
  if (watchers.size === 0) return;
  const summary = summaryOf(open, facts);
  for (const [watcher, hosts] of [...watchers]) {
    // What ends a stream is always told.
    if (watcher.isBehind() && !isSettled(summary.state)) continue;
    const changed = [...hosts];
    hosts.clear();
    watcher.changed({ ...summary, hosts: changed.map((host) => viewOfHost(job, host, facts)) });
  }
}

/** Whether the job is to bring an image to a host, and has not yet. */
export function brings({ job }: OpenJob, peerId: string, reference: string): boolean {
  const host = job.hosts.get(peerId);
  return host !== undefined && !isEnded(host) && imagesOf(job, host).some(({ image }) => image.reference === reference);
}
