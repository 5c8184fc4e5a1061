/**
 * A job as people and agents see it: the API's view and the `job` message. Pure.
 */
import type { JobView } from '../client/api-schemas.ts';
import type { TrackerMessageOf } from '../client/session-messages.ts';
import { imagesOf, type Job, type JobHost } from './job.ts';

export interface ViewFacts {
  isOnline(peerId: string): boolean;
  /** Why a blob does not come, when that is known. */
  warningOf(digest: string): string | undefined;
}

export function viewOfJob(job: Job, facts: ViewFacts): JobView {
  return {
    id: job.id,
    state: job.state,
    class: job.class,
    images: job.images.map(({ reference, variants }) => ({
      reference,
      digests: variants.map(({ manifest }) => manifest.digest),
      imageBytes: Math.max(0, ...variants.map(({ imageBytes }) => imageBytes)),
    })),
    createdAt: new Date(job.createdAtMs).toISOString(),
    finishedAt: job.finishedAtMs === undefined ? undefined : new Date(job.finishedAtMs).toISOString(),
    originBytes: job.originBytes,
    warning: job.state === 'running' ? warningOf(job, facts) : undefined,
    hosts: [...job.hosts.values()].map(({ peerId, name, state, reports, error }) => ({
      peerId,
      name,
      online: facts.isOnline(peerId),
      state,
      images: reports,
      error,
    })),
  };
}

export function jobMessage(job: Job, host: JobHost): TrackerMessageOf<'job'> {
  return {
    type: 'job',
    jobId: job.id,
    class: job.class,
    images: imagesOf(job, host).map(({ image, variant: { manifest, config } }) => ({
      reference: image.reference,
      manifest: { mediaType: manifest.mediaType, digest: manifest.digest, data: manifest.bytes.toString('base64') },
      config: { digest: config.digest, data: config.bytes.toString('base64') },
    })),
  };
}

function warningOf(job: Job, facts: ViewFacts): string | undefined {
  for (const { layers } of job.images.flatMap(({ variants }) => variants)) {
    for (const { digest } of layers) {
      const warning = facts.warningOf(digest);
      if (warning !== undefined) return warning;
    }
  }
  return undefined;
}
