/**
 * A job's state and how reports change it. Pure: no clock, no store, no session.
 */
import type { JobHostState, JobState, JobTerms } from '../client/job-schemas.ts';
import type { ImageReport, JobClass, SessionError } from '../client/shapes.ts';
import type { ImageVariant, ResolvedImage } from '../resolve/resolve-images.ts';
import { nextStep } from './waves.ts';

export interface JobHost {
  peerId: string;
  name: string;
  /** For each image of the job the variant this host runs; null where there is none for it. */
  variants: (number | null)[];
  /** From 0. */
  wave: number;
  state: JobHostState;
  reports: ImageReport[];
  error?: SessionError;
}

export interface Job {
  id: string;
  class: JobClass;
  /** How it ended; undefined while it is open. */
  ended?: 'done' | 'failed' | 'cancelled';
  /** Nothing moves. Says why. */
  paused?: string;
  /** Its time had come. */
  begun: boolean;
  /** How many waves have begun. */
  waves: number;
  /** As ordered; undefined: every agent. */
  selectors?: string[];
  terms: JobTerms;
  /** Why it will hardly be ready by its time, as was foreseen when it was ordered. */
  forecast?: string;
  createdAtMs: number;
  finishedAtMs?: number;
  originBytes: number;
  images: ResolvedImage[];
  hosts: Map<string, JobHost>;
}

export interface HostImage {
  image: ResolvedImage;
  variant: ImageVariant;
}

/** What a host is to get. */
export function imagesOf(job: Job, host: JobHost): HostImage[] {
  return job.images.flatMap((image, index) => {
    const variant = image.variants[host.variants[index] ?? -1];
    return variant ? [{ image, variant }] : [];
  });
}

export function isEnded(host: JobHost): boolean {
  return host.state === 'ready' || host.state === 'failed';
}

/** Whether the host is to have the job now. */
export function isActive(job: Job, host: JobHost): boolean {
  return job.ended === undefined && job.paused === undefined && job.begun && host.wave < job.waves && !isEnded(host);
}

/**
 * Takes over what a host says about images that are its own. What has ended stays ended.
 * True when the host's state changed, which is what must survive a crash.
 */
export function applyReports(job: Job, host: JobHost, reports: readonly ImageReport[]): boolean {
  if (isEnded(host)) return false;
  for (const { image } of imagesOf(job, host)) {
    const report = reports.find(({ reference }) => reference === image.reference);
    if (report) putReport(host, report);
  }
  return updateHost(job, host);
}

/** Fails the images of a host that need a blob nobody can have. True when there were any. */
export function failBlob(job: Job, host: JobHost, blob: { digest: string; error: SessionError }): boolean {
  if (isEnded(host)) return false;
  const hit = imagesOf(job, host).filter(({ variant }) => variant.layers.some(({ digest }) => digest === blob.digest));
  for (const { image, variant } of hit) {
    const before = reportOf(host, image.reference) ?? emptyReport(image.reference, variant.imageBytes);
    if (before.state !== 'ready') putReport(host, { ...before, state: 'failed', error: blob.error });
  }
  if (hit.length > 0) updateHost(job, host);
  return hit.length > 0;
}

/** Lets a host that failed try again. False where trying again cannot help: its platform has no image. */
export function retryHost(job: Job, host: JobHost): boolean {
  if (host.state !== 'failed' || imagesOf(job, host).length === 0) return false;
  host.reports = host.reports.filter(({ state }) => state === 'ready');
  host.error = undefined;
  host.state = stateOfHost(host.reports, imagesOf(job, host).length);
  return true;
}

/** What people see. A standing order ends by its time or by hand, never by itself. */
export function stateOfJob(job: Job): JobState {
  if (job.ended) return job.ended;
  if (job.paused !== undefined) return 'paused';
  if (!job.begun) return 'scheduled';
  const outcome = outcomeOf(job);
  if (outcome === undefined) return 'running';
  return job.terms.standing ? 'standing' : outcome;
}

/** Done when all hosts are ready, failed when all ended and one failed; undefined before. */
export function outcomeOf({ hosts }: Job): 'done' | 'failed' | undefined {
  let failed = false;
  for (const host of hosts.values()) {
    if (!isEnded(host)) return undefined;
    failed ||= host.state === 'failed';
  }
  return failed ? 'failed' : 'done';
}

/** Begins the next wave, or pauses the job, where its hosts have come that far. */
export function advanceWaves(job: Job): 'go on' | 'stop' | 'wait' {
  const { waves } = job.terms;
  if (waves === undefined || job.ended || job.paused !== undefined || !job.begun) return 'wait';
  const figures = { begun: 0, failed: 0, inWave: 0, readyInWave: 0 };
  for (const { wave, state } of job.hosts.values()) {
    if (wave >= job.waves) continue;
    figures.begun++;
    if (state === 'failed') figures.failed++;
    if (wave !== job.waves - 1) continue;
    figures.inWave++;
    if (state === 'ready') figures.readyInWave++;
  }
  const step = nextStep(waves, figures);
  if (step === 'stop') {
    job.paused = `${figures.failed} of ${figures.begun} hosts failed, more than ${waves.stopAt} %: "resume" goes on all the same`;
    return step;
  }
  if (step === 'wait' || job.waves >= waves.percents.length) return 'wait';
  job.waves++;
  return step;
}

function updateHost(job: Job, host: JobHost): boolean {
  const before = host.state;
  host.state = stateOfHost(host.reports, imagesOf(job, host).length);
  host.error = host.reports.find(({ error }) => error !== undefined)?.error;
  return host.state !== before;
}

export function stateOfHost(reports: readonly ImageReport[], imageCount: number): JobHostState {
  const ended = reports.filter(({ state }) => state === 'ready' || state === 'failed');
  if (ended.length === imageCount) return ended.every(({ state }) => state === 'ready') ? 'ready' : 'failed';
  if (reports.some(({ state }) => state === 'loading')) return 'loading';
  return reports.length > 0 ? 'fetching' : 'waiting';
}

function putReport(host: JobHost, report: ImageReport): void {
  const index = host.reports.findIndex(({ reference }) => reference === report.reference);
  const before = host.reports[index];
  if (!before) host.reports.push(report);
  else if (before.state !== 'ready' && before.state !== 'failed') host.reports[index] = report;
}

function reportOf(host: JobHost, reference: string): ImageReport | undefined {
  return host.reports.find((report) => report.reference === reference);
}

function emptyReport(reference: string, imageBytes: number): ImageReport {
  return {
    reference,
    state: 'failed',
    imageBytes,
    wantedBytes: 0,
    haveBytes: 0,
    peerBytes: 0,
    resumedBytes: 0,
    archiveBytes: 0,
    feeders: [],
  };
}
