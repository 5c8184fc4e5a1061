/**
 * Jobs from order to end: made, handed to hosts, moved on by reports, stored, watched.
 * Decides when a job begins, goes on and ends. How reports change a host is job.ts; resolving is resolve/.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { JobLog, JobRequest, JobSummary, JobView } from '../client/job-schemas.ts';
import type { AgentMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import { choosePlatforms, type OpenSource, parseReferences, resolveImage } from '../resolve/resolve-images.ts';
import type { AgentRoster, KnownAgent } from '../session/agent-roster.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import type { HostImageStore } from '../store/host-image-store.ts';
import type { JobStore } from '../store/job-store.ts';
import type { JobsForSwarms } from '../swarms/rights.ts';
import { matchesSelector, parseSelector } from './host-selector.ts';
import { advanceWaves, applyReports, isEnded, type Job, type JobHost, outcomeOf, retryHost } from './job.ts';
import { createJobAlarm, type JobAlarm, nextAlarm } from './job-alarm.ts';
import { figuresOf, type JobFigures } from './job-figures.ts';
import { createJobLogs, type JobLogs } from './job-log.ts';
import { createJobsForSwarms } from './job-rights.ts';
import { createJobSaver, type JobSaver } from './job-saver.ts';
import { closedMessage, summaryOfJob, type ViewFacts, viewOfHost } from './job-view.ts';
import { hostOf, newJob } from './new-job.ts';
import {
  brings,
  handOver,
  hostChanged,
  type JobWatcher,
  notify,
  type OpenJob,
  openJob,
  summaryOf,
} from './open-job.ts';
import { hostsOf, termsOf } from './order.ts';
import { readyImagesOf } from './ready-images.ts';

export interface JobsDeps {
  store: JobStore;
  hostImages: HostImageStore;
  presence: Presence;
  roster: AgentRoster;
  openSource: OpenSource;
  clock: Clock;
  log: Logger;
  warningOf(digest: string): string | undefined;
  /** It was made, something of it changed, or it ended; a job with many hosts is told once a second. */
  jobMoved?(job: Job): void;
  /** What the bandwidth policy lets the hosts of a job receive together now. */
  allowedOf?(job: Job): JobSummary['allowed'];
  /** Why a new job will hardly be ready by its deadline. */
  forecastOf?(job: Job, hosts: readonly KnownAgent[]): string | undefined;
}

export interface Jobs extends JobsForSwarms {
  /**
   * `openSource`: reads manifests in another way than the tracker's own. Throws TrackerError, OciError, RegistryError;
   * then nothing was created.
   */
  create(request: JobRequest, openSource?: OpenSource): Promise<JobView>;
  /** Throws TrackerError UNKNOWN_JOB. */
  view(id: string): JobView;
  /** What its hosts and the tracker did, the last of it. Throws TrackerError UNKNOWN_JOB. */
  logOf(id: string): JobLog;
  /** The same without its hosts. */
  summary(id: string): JobSummary;
  /** The latest, newest first. */
  list(): JobSummary[];
  /** Hosts keep what they have. Throws TrackerError UNKNOWN_JOB, JOB_ENDED. */
  cancel(id: string): JobView;
  /** Nothing moves until `resume`. Throws TrackerError UNKNOWN_JOB, JOB_ENDED. */
  pause(id: string): JobView;
  resume(id: string): JobView;
  /** Hosts that failed try again; a job that had ended is open again. Throws TrackerError UNKNOWN_JOB, NOTHING_FAILED. */
  retry(id: string): JobView;
  /** The view now with all hosts, then each change; a job that has ended is told once. */
  watch(id: string, watcher: JobWatcher): () => void;
  report(session: AgentSession, message: AgentMessageOf<'report'>): void;
  /** After welcome: hands over what the host has still to do. */
  opened(session: AgentSession): void;
  closed(session: AgentSession): void;
  /** Ids of the open jobs that bring an image to a host. */
  bringing(peerId: string, reference: string): string[];
  /** Nothing is left for it to do: no open job waits for it. What it finished stays. */
  forgetHost(peerId: string): void;
  countRunning(): number;
  /** Open jobs and their hosts by state, and how jobs ended since the start. */
  figures(): JobFigures;
  stop(): void;
}

interface Desk {
  deps: JobsDeps;
  saver: JobSaver;
  logs: JobLogs;
  alarm: JobAlarm;
  open: Map<string, OpenJob>;
  ended: JobFigures['endedJobs'];
}

const MAX_LISTED = 100;

export function createJobs(deps: JobsDeps): Jobs {
  const alarm = createJobAlarm(deps.clock, () => void onAlarm(desk));
  const desk: Desk = {
    deps,
    saver: createJobSaver(deps.store, deps.log),
    logs: createJobLogs(deps.clock),
    alarm,
    open: new Map(),
    ended: { done: 0, failed: 0, cancelled: 0 },
  };
  // One that was about to end when the tracker stopped ends now.
  for (const job of deps.store.open()) changed(desk, addOpen(desk, job));
  onAlarm(desk);
  return {
    ...createJobsForSwarms({
      ...{ open: desk.open, log: deps.log, logs: desk.logs, changed: (open) => changed(desk, open) },
      moved: (open, host) => hostMoved(desk, open, host),
    }),
    create: (request, openSource) => create(desk, request, openSource ?? deps.openSource),
    view: (id) => viewOf(desk, find(desk, id)),
    logOf: (id) => desk.logs.of(find(desk, id).id),
    summary: (id) => briefOf(desk, find(desk, id)),
    list: () => deps.store.latest(MAX_LISTED).map(({ id, summary }) => summary ?? briefOf(desk, find(desk, id))),
    cancel: (id) => cancel(desk, id),
    pause: (id) => pause(desk, id),
    resume: (id) => resume(desk, id),
    retry: (id) => retry(desk, id),
    watch: (id, watcher) => watch(desk, id, watcher),
    report: (session, message) => report(desk, session, message),
    opened: (session) => opened(desk, session),
    closed: (session) => eachJobOf(desk, session.peerId, hostChanged),
    forgetHost: (peerId) => {
      deps.hostImages.forget(peerId);
      eachJobOf(desk, peerId, (open, host) => forgetHost(desk, open, host));
    },
    bringing: (peerId, reference) =>
      [...desk.open.values()].filter((open) => brings(open, peerId, reference)).map(({ job }) => job.id),
    countRunning: () => desk.open.size,
    figures: () => ({ ...figuresOf([...desk.open.values()].map(({ job }) => job)), endedJobs: { ...desk.ended } }),
    stop: () => {
      alarm.stop();
      for (const { job, throttle } of desk.open.values()) {
        throttle.stop();
        desk.saver.state(job);
      }
      desk.open.clear();
    },
  };
}

async function create(desk: Desk, request: JobRequest, openSource: OpenSource): Promise<JobView> {
  const { roster, clock, store, log, forecastOf } = desk.deps;
  const references = parseReferences(request.images);
  const terms = termsOf(request, clock.now());
  const hosts = hostsOf(roster.all(), request);
  const platforms = hosts.map(({ platform }) => platform);
  const sources = { openSource, knownDocument: store.document };
  const resolved = await Promise.all(references.map((reference) => resolveImage(sources, reference, platforms)));
  const job = newJob({
    ...{ id: randomBytes(8).toString('hex'), class: request.class ?? 'prewarm', createdAtMs: clock.now() },
    ...{ selectors: request.hosts, terms, hosts },
    images: resolved.map(({ image }) => image),
    originBytes: resolved.reduce((sum, { originBytes }) => sum + originBytes, 0),
  });
  job.forecast = forecastOf?.(job, hosts);
  store.insert(job);
  const open = addOpen(desk, job);
  log.info({ jobId: job.id, images: job.images.map(({ reference }) => reference), hosts: hosts.length }, 'job created');
  desk.logs.note(job.id, { level: 'info', event: 'job created', text: `${hosts.length} hosts` });
  handOverAll(desk, open);
  onAlarm(desk);
  return viewOf(desk, job);
}

function addOpen(desk: Desk, job: Job): OpenJob {
  const open = openJob(job, desk.deps.clock, () => {
    const step = advanceWaves(job);
    if (step === 'go on') handOverAll(desk, open);
    if (step === 'stop') tellHosts(desk, job, 'paused');
    desk.saver.state(job);
    notify(open, factsOf(desk));
    desk.deps.jobMoved?.(job);
  });
  desk.open.set(job.id, open);
  return open;
}

function handOverAll(desk: Desk, open: OpenJob): void {
  for (const host of open.job.hosts.values()) {
    const session = desk.deps.presence.get(host.peerId);
    if (session) handOver(open, host, session);
  }
  open.throttle.call();
}

/** Begins what is due, ends standing orders whose time is over, and sets the next alarm. */
function onAlarm(desk: Desk): void {
  const now = desk.deps.clock.now();
  const due = (text: string | undefined) => text !== undefined && Date.parse(text) <= now;
  for (const open of [...desk.open.values()]) {
    const { job } = open;
    if (!job.begun && due(job.terms.at)) {
      job.begun = true;
      desk.deps.log.info({ jobId: job.id }, 'job begins');
      desk.saver.state(job);
      handOverAll(desk, open);
    }
    if (job.terms.standing && due(job.terms.keepUntil)) end(desk, open, outcomeOf(job) ?? 'failed');
  }
  desk.alarm.set(nextAlarm([...desk.open.values()].map(({ job }) => job)));
}

function opened(desk: Desk, session: AgentSession): void {
  for (const open of desk.open.values()) {
    const host = open.job.hosts.get(session.peerId);
    if (host) {
      handOver(open, host, session);
      // It may have been away when the job was paused.
      if (open.job.paused !== undefined) session.send(closedMessage(open.job, 'paused'));
      hostChanged(open, host);
    } else if (open.job.terms.standing) void adopt(desk, open, session);
  }
}

/** Takes a host into a standing order that means it. */
async function adopt(desk: Desk, open: OpenJob, session: AgentSession): Promise<void> {
  const { job } = open;
  const { store, openSource, log, presence } = desk.deps;
  const candidate = { ...session, online: true, lastSeenAtMs: 0 };
  const isMeant = job.selectors
    ? job.selectors.map(parseSelector).some((selector) => matchesSelector(selector, candidate))
    : session.role === 'agent';
  if (!isMeant) return;
  try {
    const sources = { openSource, knownDocument: store.document };
    for (const image of job.images) await choosePlatforms(sources, image, [session.platform]);
    if (job.ended || job.hosts.has(session.peerId)) return;
    const host = hostOf(session, job);
    store.addHost(job, host);
    job.hosts.set(host.peerId, host);
    open.messages.clear();
    log.info({ jobId: job.id, peerId: host.peerId, foreign: host.name }, 'a new host joins a standing order');
    if (presence.get(host.peerId) === session) handOver(open, host, session);
    hostChanged(open, host);
  } catch (error) {
    log.warn({ jobId: job.id, peerId: session.peerId, err: error }, 'a new host is taken in when it connects again');
  }
}

function report(desk: Desk, session: AgentSession, message: AgentMessageOf<'report'>): void {
  const open = desk.open.get(message.jobId);
  const host = open?.job.hosts.get(session.peerId);
  if (!open || !host) {
    // The job ended while the host was away, or the host was forgotten.
    const ended = (inMemory(desk, message.jobId) ?? desk.deps.store.get(message.jobId))?.ended ?? 'cancelled';
    session.send({ type: 'jobClosed', jobId: message.jobId, reason: ended === 'cancelled' ? 'cancelled' : 'done' });
    return;
  }
  desk.logs.take(message.jobId, session, message.events ?? []);
  // What was under way when it heard of the pause; it begins anew when the job is resumed.
  if (open.job.paused !== undefined) return session.send(closedMessage(open.job, 'paused'));
  const moved = applyReports(open.job, host, message.images);
  if (moved) hostMoved(desk, open, host);
  hostChanged(open, host);
  if (moved && isEnded(host)) changed(desk, open);
}

/** What must survive a crash: the host's state, and which images it has. */
function hostMoved(desk: Desk, { job }: OpenJob, host: JobHost): void {
  desk.saver.host(job, host);
  const { hostImages, clock } = desk.deps;
  const images = readyImagesOf(job, host, clock.now());
  if (images.length > 0) desk.saver.attempt(job, () => images.forEach(hostImages.save));
}

function cancel(desk: Desk, id: string): JobView {
  const open = findOpen(desk, id);
  // Whoever cancels must know whether it lasts: on a full disk this throws and the job goes on.
  desk.deps.store.saveState({ ...open.job, ended: 'cancelled', finishedAtMs: desk.deps.clock.now() });
  end(desk, open, 'cancelled');
  return viewOf(desk, open.job);
}

function pause(desk: Desk, id: string): JobView {
  const open = findOpen(desk, id);
  const paused = 'paused by an operator: "resume" goes on';
  desk.deps.store.saveState({ ...open.job, paused });
  open.job.paused = paused;
  tellHosts(desk, open.job, 'paused');
  open.throttle.call();
  return viewOf(desk, open.job);
}

function resume(desk: Desk, id: string): JobView {
  const open = findOpen(desk, id);
  desk.deps.store.saveState({ ...open.job, paused: undefined });
  open.job.paused = undefined;
  handOverAll(desk, open);
  return viewOf(desk, open.job);
}

function retry(desk: Desk, id: string): JobView {
  const job = find(desk, id);
  const again = job.ended === 'cancelled' ? [] : [...job.hosts.values()].filter((host) => retryHost(job, host));
  if (again.length === 0) throw new TrackerError('NOTHING_FAILED', job.ended);
  Object.assign(job, { ended: undefined, finishedAtMs: undefined });
  const open = desk.open.get(id) ?? addOpen(desk, job);
  for (const host of again) desk.saver.host(job, host);
  handOverAll(desk, open);
  onAlarm(desk);
  return viewOf(desk, job);
}

function forgetHost(desk: Desk, open: OpenJob, host: JobHost): void {
  if (isEnded(host)) return;
  desk.deps.store.removeHost(open.job.id, host.peerId);
  open.job.hosts.delete(host.peerId);
  // Without hosts it has done nothing.
  if (open.job.hosts.size === 0 && !open.job.terms.standing) end(desk, open, 'cancelled');
  else changed(desk, open);
}

function changed(desk: Desk, open: OpenJob): void {
  const outcome = open.job.terms.standing ? undefined : outcomeOf(open.job);
  if (outcome === undefined) open.throttle.call();
  else end(desk, open, outcome);
}

function end(desk: Desk, open: OpenJob, ended: NonNullable<Job['ended']>): void {
  const { job } = open;
  Object.assign(job, { ended, finishedAtMs: desk.deps.clock.now() });
  desk.ended[ended]++;
  open.throttle.stop();
  desk.open.delete(job.id);
  desk.saver.state(job);
  desk.deps.log.info({ jobId: job.id, state: ended, originBytes: job.originBytes }, 'job ended');
  desk.logs.note(job.id, { level: 'info', event: 'job ended', text: ended });
  desk.saver.summary(job, briefOf(desk, job));
  tellHosts(desk, job, ended === 'cancelled' ? 'cancelled' : 'done');
  notify(open, factsOf(desk));
  desk.deps.jobMoved?.(job);
}

function tellHosts({ deps }: Desk, job: Job, reason: 'done' | 'cancelled' | 'paused'): void {
  const message = Buffer.from(JSON.stringify(closedMessage(job, reason)));
  for (const peerId of job.hosts.keys()) deps.presence.get(peerId)?.sendText(message);
}

function watch(desk: Desk, id: string, watcher: JobWatcher): () => void {
  watcher.changed(viewOf(desk, find(desk, id)));
  const watchers = desk.open.get(id)?.watchers;
  watchers?.set(watcher, new Set());
  return () => void watchers?.delete(watcher);
}

function eachJobOf(desk: Desk, peerId: string, visit: (open: OpenJob, host: JobHost) => void): void {
  for (const open of [...desk.open.values()]) {
    const host = open.job.hosts.get(peerId);
    if (host) visit(open, host);
  }
}

/** Newer than what the store has: the job is open, or its end could not be saved yet. */
function inMemory({ open, saver }: Desk, id: string): Job | undefined {
  return open.get(id)?.job ?? saver.unsaved(id);
}

function find(desk: Desk, id: string): Job {
  const job = inMemory(desk, id) ?? desk.deps.store.get(id);
  if (!job) throw new TrackerError('UNKNOWN_JOB', id);
  return job;
}

function findOpen(desk: Desk, id: string): OpenJob {
  const open = desk.open.get(id);
  if (!open) throw new TrackerError('JOB_ENDED', find(desk, id).ended);
  return open;
}

function viewOf(desk: Desk, job: Job): JobView {
  const facts = factsOf(desk);
  return { ...briefOf(desk, job), hosts: [...job.hosts.values()].map((host) => viewOfHost(job, host, facts)) };
}

function briefOf(desk: Desk, job: Job): JobSummary {
  const open = desk.open.get(job.id);
  const facts = factsOf(desk);
  return open ? summaryOf(open, facts) : summaryOfJob(job, facts);
}

function factsOf({ deps }: Desk): ViewFacts {
  const isOnline = (peerId: string) => deps.presence.get(peerId) !== undefined;
  const { warningOf, allowedOf = () => undefined, clock } = deps;
  return { isOnline, warningOf, allowedOf, nowMs: clock.now() };
}
