/**
 * A job's state and how reports change it. Pure: no clock, no store, no session.
 */
import type { JobHostState, JobState } from '../client/api-schemas.ts';
import type { ImageReport, JobClass, SessionError } from '../client/shapes.ts';
import type { ImageVariant, ResolvedImage } from '../resolve/resolve-images.ts';

export interface JobHost {
  peerId: string;
  name: string;
  /** For each image of the job the variant this host runs; null where there is none for it. */
  variants: (number | null)[];
  state: JobHostState;
  reports: ImageReport[];
  error?: SessionError;
}

export interface Job {
  id: string;
  class: JobClass;
  state: JobState;
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

/** Done when all hosts are ready, failed when all ended and one failed. */
export function stateOfJob(job: Job): JobState {
  if (job.state !== 'running') return job.state;
  const hosts = [...job.hosts.values()];
  if (!hosts.every(isEnded)) return 'running';
  return hosts.some(({ state }) => state === 'failed') ? 'failed' : 'done';
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
