/**
 * A job as people and agents see it: the API's views and the `job` message. Pure.
 */
import type { JobHostView, JobSummary } from '../client/job-schemas.ts';
import type { TrackerMessageOf } from '../client/session-messages.ts';
import { imagesOf, isEnded, type Job, type JobHost, stateOfJob } from './job.ts';

/** Four a second are live to the eye; ten thousand hosts would drown the tracker in that. */
const MIN_REPORT_MS = 250;
const MAX_REPORT_MS = 2000;
const REPORTS_A_SECOND = 1000;

/** An orchestrator names thousands of hosts one by one; `hosts` has them all. */
const MAX_SELECTORS = 20;

export interface ViewFacts {
  isOnline(peerId: string): boolean;
  /** Why a blob does not come, when that is known. */
  warningOf(digest: string): string | undefined;
  /** What the bandwidth policy lets its hosts receive now. */
  allowedOf(job: Job): JobSummary['allowed'];
  nowMs: number;
}

/** `paceOf`: bytes a second, from what the hosts have; left out of a job that does not move. */
export function summaryOfJob(job: Job, facts: ViewFacts, paceOf: (haveBytes: number) => number = () => 0): JobSummary {
  const { id, class: jobClass, selectors, terms, originBytes, finishedAtMs, waves } = job;
  const { counts, bytes } = figuresOf(job, facts);
  const state = stateOfJob(job);
  const bytesPerSecond = paceOf(bytes.have);
  const leftMs = state === 'running' && bytesPerSecond > 0 ? leftMsOf(bytes, bytesPerSecond) : undefined;
  return {
    ...{ id, state, class: jobClass, selectors: selectors?.slice(0, MAX_SELECTORS), terms, originBytes, counts, bytes },
    images: job.images.map(({ reference, variants }) => ({
      reference,
      digests: variants.map(({ manifest }) => manifest.digest),
      imageBytes: Math.max(0, ...variants.map(({ imageBytes }) => imageBytes)),
    })),
    createdAt: new Date(job.createdAtMs).toISOString(),
    finishedAt: finishedAtMs === undefined ? undefined : new Date(finishedAtMs).toISOString(),
    warning: job.ended ? undefined : (job.paused ?? blobWarning(job, facts) ?? job.forecast),
    bytesPerSecond: Math.round(bytesPerSecond),
    allowed: state === 'running' ? facts.allowedOf(job) : undefined,
    readyAt: leftMs === undefined ? undefined : new Date(facts.nowMs + leftMs).toISOString(),
    wave: terms.waves && { number: waves, of: terms.waves.percents.length },
  };
}

export function viewOfHost(job: Job, host: JobHost, facts: Pick<ViewFacts, 'isOnline'>): JobHostView {
  const { peerId, name, state, reports, error } = host;
  const wave = job.terms.waves && host.wave + 1;
  return { peerId, name, online: facts.isOnline(peerId), state, wave, images: reports, error };
}

function figuresOf(job: Job, { isOnline }: ViewFacts): Pick<JobSummary, 'counts' | 'bytes'> {
  const counts = { hosts: job.hosts.size, waiting: 0, fetching: 0, loading: 0, ready: 0, failed: 0, offline: 0 };
  const bytes = { wanted: 0, have: 0, fromPeers: 0 };
  for (const host of job.hosts.values()) {
    counts[host.state]++;
    if (!isEnded(host) && !isOnline(host.peerId)) counts.offline++;
    for (const { wantedBytes, haveBytes, peerBytes } of host.reports) {
      bytes.wanted += wantedBytes;
      bytes.have += haveBytes;
      bytes.fromPeers += peerBytes;
    }
  }
  return { counts, bytes };
}

function leftMsOf({ wanted, have }: JobSummary['bytes'], bytesPerSecond: number): number | undefined {
  return wanted > have ? ((wanted - have) * 1000) / bytesPerSecond : undefined;
}

export function jobMessage(job: Job, host: JobHost): TrackerMessageOf<'job'> {
  const { priority, by, keepUntil, cacheOnly, force } = job.terms;
  return {
    type: 'job',
    jobId: job.id,
    class: job.class,
    ...{ priority, by, keepUntil, cacheOnly, force },
    reportMs: Math.min(MAX_REPORT_MS, Math.max(MIN_REPORT_MS, Math.round((job.hosts.size * 1000) / REPORTS_A_SECOND))),
    images: imagesOf(job, host).map(({ image, variant: { manifest, config } }) => ({
      reference: image.reference,
      manifest: { mediaType: manifest.mediaType, digest: manifest.digest, data: manifest.bytes.toString('base64') },
      config: { digest: config.digest, data: config.bytes.toString('base64') },
    })),
  };
}

type Closed = TrackerMessageOf<'jobClosed'>;

export function closedMessage({ id }: Job, reason: Closed['reason']): Closed {
  return { type: 'jobClosed', jobId: id, reason };
}

function blobWarning(job: Job, facts: ViewFacts): string | undefined {
  for (const { layers } of job.images.flatMap(({ variants }) => variants)) {
    for (const { digest } of layers) {
      const warning = facts.warningOf(digest);
      if (warning !== undefined) return warning;
    }
  }
  return undefined;
}
