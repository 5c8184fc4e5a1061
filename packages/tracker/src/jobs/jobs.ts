/**
 * Jobs from order to end: made, handed to hosts, moved on by reports, stored, watched.
 * Decides when a job has ended. How reports change a host is job.ts; resolving is resolve/.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { JobRequest, JobView } from '../client/api-schemas.ts';
import type { AgentMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import { type OpenSource, parseReferences, resolveImage } from '../resolve/resolve-images.ts';
import type { AgentRoster } from '../session/agent-roster.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import type { JobStore } from '../store/job-store.ts';
import type { JobsForSwarms } from '../swarms/rights.ts';
import { createThrottle, type Throttle } from '../throttle.ts';
import { selectHosts, unmatchedGlobs } from './host-glob.ts';
import { applyReports, failBlob, imagesOf, isEnded, type Job, type JobHost, stateOfJob } from './job.ts';
import { createJobSaver, type JobSaver } from './job-saver.ts';
import { jobMessage, viewOfJob } from './job-view.ts';
import { newJob } from './new-job.ts';

export interface JobsDeps {
  store: JobStore;
  presence: Presence;
  roster: AgentRoster;
  openSource: OpenSource;
  clock: Clock;
  log: Logger;
  warningOf(digest: string): string | undefined;
}

export type JobListener = (view: JobView) => void;

export interface Jobs extends JobsForSwarms {
  /** `openSource`: to read manifests with other credentials. Throws TrackerError, OciError, RegistryError; then nothing was created. */
  create(request: JobRequest, openSource?: OpenSource): Promise<JobView>;
  /** Throws TrackerError UNKNOWN_JOB. */
  view(id: string): JobView;
  list(): JobView[];
  /** Throws TrackerError UNKNOWN_JOB, JOB_ENDED. */
  cancel(id: string): JobView;
  /** The view now, then each change at most four times a second, the last one with the job's end. */
  watch(id: string, listener: JobListener): () => void;
  report(session: AgentSession, message: AgentMessageOf<'report'>): void;
  /** After welcome: hands over what the host has still to do. */
  opened(session: AgentSession): void;
  closed(session: AgentSession): void;
  /** Nothing is left for it to do: no open job waits for it. What it finished stays. */
  forgetHost(peerId: string): void;
  countRunning(): number;
  stop(): void;
}

interface OpenJob {
  job: Job;
  blobs: ReadonlySet<string>;
  throttle: Throttle;
  listeners: Set<JobListener>;
}

interface Desk {
  deps: JobsDeps;
  saver: JobSaver;
  running: Map<string, OpenJob>;
}

const NOTIFY_INTERVAL_MS = 250;
const MAX_LISTED = 100;

export function createJobs(deps: JobsDeps): Jobs {
  const desk: Desk = { deps, saver: createJobSaver(deps.store, deps.log), running: new Map() };
  // One that was about to end when the tracker stopped ends now.
  for (const job of deps.store.running()) changed(desk, openJob(desk, job));
  return {
    ...forSwarms(desk),
    create: (request, openSource = deps.openSource) => create(desk, request, openSource),
    view: (id) => viewOf(desk, find(desk, id)),
    list: () => deps.store.latest(MAX_LISTED).map((job) => viewOf(desk, inMemory(desk, job.id) ?? job)),
    cancel: (id) => cancel(desk, id),
    watch: (id, listener) => watch(desk, id, listener),
    report: (session, message) => report(desk, session, message),
    opened: (session) => eachJobOf(desk, session, (open, host) => handOver(open, host, session)),
    closed: (session) => eachJobOf(desk, session, (open) => open.throttle.call()),
    forgetHost: (peerId) => eachJobOf(desk, { peerId }, (open, host) => forgetHost(desk, open, host)),
    countRunning: () => desk.running.size,
    stop: () => {
      for (const { job, throttle } of desk.running.values()) {
        throttle.stop();
        desk.saver.state(job);
      }
      desk.running.clear();
    },
  };
}

async function create(desk: Desk, request: JobRequest, openSource: OpenSource): Promise<JobView> {
  const { roster, clock, store, presence, log } = desk.deps;
  const references = parseReferences(request.images);
  const known = roster.all();
  const unmatched = unmatchedGlobs(known, request.hosts ?? []);
  const hosts = selectHosts(known, request.hosts);
  if (hosts.length === 0 || unmatched.length > 0) throw new TrackerError('NO_HOSTS', unmatched.join(', '));
  const platforms = hosts.map(({ platform }) => platform);
  const sources = { openSource, knownDocument: store.document };
  const resolutions = await Promise.all(references.map((reference) => resolveImage(sources, reference, platforms)));
  const id = randomBytes(8).toString('hex');
  const job = newJob({ id, class: request.class ?? 'prewarm', createdAtMs: clock.now(), hosts, resolutions });
  store.insert(job);
  const open = openJob(desk, job);
  log.info({ jobId: id, images: job.images.map(({ reference }) => reference), hosts: hosts.length }, 'job created');
  for (const host of job.hosts.values()) {
    const session = presence.get(host.peerId);
    if (session) handOver(open, host, session);
  }
  return viewOf(desk, job);
}

function openJob(desk: Desk, job: Job): OpenJob {
  const layers = job.images.flatMap(({ variants }) => variants).flatMap((variant) => variant.layers);
  const open: OpenJob = {
    job,
    blobs: new Set(layers.map(({ digest }) => digest)),
    listeners: new Set(),
    throttle: createThrottle(desk.deps.clock, NOTIFY_INTERVAL_MS, () => {
      desk.saver.state(job);
      notify(desk, open);
    }),
  };
  desk.running.set(job.id, open);
  return open;
}

function handOver({ job, throttle }: OpenJob, host: JobHost, session: AgentSession): void {
  if (!isEnded(host)) session.send(jobMessage(job, host));
  throttle.call();
}

function report(desk: Desk, session: AgentSession, message: AgentMessageOf<'report'>): void {
  const open = desk.running.get(message.jobId);
  const host = open?.job.hosts.get(session.peerId);
  if (!open || !host) {
    // The job ended while the host was away, or the host was forgotten.
    const state = (inMemory(desk, message.jobId) ?? desk.deps.store.get(message.jobId))?.state ?? 'cancelled';
    const reason = state === 'done' || state === 'failed' ? 'done' : 'cancelled';
    session.send({ type: 'jobClosed', jobId: message.jobId, reason });
    return;
  }
  if (applyReports(open.job, host, message.images)) desk.saver.host(open.job, host);
  changed(desk, open);
}

function cancel(desk: Desk, id: string): JobView {
  const open = desk.running.get(id);
  if (!open) throw new TrackerError('JOB_ENDED', find(desk, id).state);
  // Whoever cancels must know whether it lasts: on a full disk this throws and the job goes on.
  desk.deps.store.saveState({ ...open.job, state: 'cancelled', finishedAtMs: desk.deps.clock.now() });
  open.job.state = 'cancelled';
  end(desk, open);
  return viewOf(desk, open.job);
}

function forgetHost(desk: Desk, open: OpenJob, host: JobHost): void {
  if (isEnded(host)) return;
  desk.deps.store.removeHost(open.job.id, host.peerId);
  open.job.hosts.delete(host.peerId);
  // Without hosts it has done nothing.
  if (open.job.hosts.size === 0) open.job.state = 'cancelled';
  changed(desk, open);
}

function changed(desk: Desk, open: OpenJob): void {
  open.job.state = stateOfJob(open.job);
  if (open.job.state === 'running') open.throttle.call();
  else end(desk, open);
}

function end(desk: Desk, open: OpenJob): void {
  const { job } = open;
  const { presence, clock, log } = desk.deps;
  job.finishedAtMs = clock.now();
  open.throttle.stop();
  desk.running.delete(job.id);
  desk.saver.state(job);
  log.info({ jobId: job.id, state: job.state, originBytes: job.originBytes }, 'job ended');
  const reason = job.state === 'cancelled' ? 'cancelled' : 'done';
  for (const peerId of job.hosts.keys()) presence.get(peerId)?.send({ type: 'jobClosed', jobId: job.id, reason });
  notify(desk, open);
}

function watch(desk: Desk, id: string, listener: JobListener): () => void {
  listener(viewOf(desk, find(desk, id)));
  const listeners = desk.running.get(id)?.listeners;
  listeners?.add(listener);
  return () => void listeners?.delete(listener);
}

function notify(desk: Desk, { job, listeners }: OpenJob): void {
  if (listeners.size === 0) return;
  const view = viewOf(desk, job);
  for (const listener of [...listeners]) listener(view);
}

function forSwarms(desk: Desk): JobsForSwarms {
  const naming = (digest: string) => [...desk.running.values()].filter(({ blobs }) => blobs.has(digest));
  return {
    rightOf: (jobId, peerId, digest) => {
      const job = desk.running.get(jobId)?.job;
      const host = job?.hosts.get(peerId);
      return job && host && rightOf(job, host, digest);
    },
    mayRead: (peerId, digest) =>
      naming(digest).some(({ job }) => {
        const host = job.hosts.get(peerId);
        return host !== undefined && rightOf(job, host, digest) !== undefined;
      }),
    addOrigin: (jobId, bytes) => {
      const open = desk.running.get(jobId);
      if (!open) return;
      open.job.originBytes += bytes;
      open.throttle.call();
    },
    blobFailed: (digest, error, peerIds) => {
      desk.deps.log.warn({ digest, code: error.code, foreign: error.text }, 'blob given up');
      for (const open of naming(digest)) {
        for (const host of open.job.hosts.values()) {
          if (peerIds && !peerIds.includes(host.peerId)) continue;
          if (failBlob(open.job, host, { digest, error })) desk.saver.host(open.job, host);
        }
        changed(desk, open);
      }
    },
    blobChanged: (digest) => {
      for (const open of naming(digest)) open.throttle.call();
    },
  };
}

function rightOf(job: Job, host: JobHost, digest: string) {
  for (const { image, variant } of imagesOf(job, host)) {
    const descriptor = variant.layers.find((layer) => layer.digest === digest);
    const { registry, repository } = image;
    if (descriptor) return { size: descriptor.size, class: job.class, source: { registry, repository, descriptor } };
  }
  return undefined;
}

function eachJobOf(desk: Desk, { peerId }: { peerId: string }, visit: (open: OpenJob, host: JobHost) => void): void {
  for (const open of [...desk.running.values()]) {
    const host = open.job.hosts.get(peerId);
    if (host) visit(open, host);
  }
}

/** Newer than what the store has: the job is open, or its end could not be saved yet. */
function inMemory({ running, saver }: Desk, id: string): Job | undefined {
  return running.get(id)?.job ?? saver.unsaved(id);
}

function find(desk: Desk, id: string): Job {
  const job = inMemory(desk, id) ?? desk.deps.store.get(id);
  if (!job) throw new TrackerError('UNKNOWN_JOB', id);
  return job;
}

function viewOf({ deps }: Desk, job: Job): JobView {
  const isOnline = (peerId: string) => deps.presence.get(peerId) !== undefined;
  return viewOfJob(job, { isOnline, warningOf: deps.warningOf });
}
