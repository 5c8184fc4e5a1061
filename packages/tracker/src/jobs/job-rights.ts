/**
 * What the swarms ask of the jobs, and tell them: who may have which blob, what was read for a job, what nobody can have.
 */
import type { Logger } from 'pino';
import type { BlobRight, JobsForSwarms } from '../swarms/rights.ts';
import { failBlob, imagesOf, type Job, type JobHost } from './job.ts';
import type { JobLogs } from './job-log.ts';
import { hostChanged, type OpenJob } from './open-job.ts';

export interface JobRightsDeps {
  open: ReadonlyMap<string, OpenJob>;
  log: Logger;
  logs: Pick<JobLogs, 'note'>;
  /** A host's state is another one now. */
  moved(open: OpenJob, host: JobHost): void;
  /** Hosts of the job may have ended. */
  changed(open: OpenJob): void;
}

export function createJobsForSwarms({ open: jobs, log, logs, moved, changed }: JobRightsDeps): JobsForSwarms {
  const naming = (digest: string) => [...jobs.values()].filter(({ blobs }) => blobs.has(digest));
  return {
    rightOf: (jobId, peerId, digest) => {
      const job = jobs.get(jobId)?.job;
      const host = job?.hosts.get(peerId);
      return job && host && rightOf(job, host, digest);
    },
    mayRead: (peerId, digest) =>
      naming(digest).some(({ job }) => {
        const host = job.hosts.get(peerId);
        return host !== undefined && rightOf(job, host, digest) !== undefined;
      }),
    addOrigin: (jobId, bytes) => {
      const open = jobs.get(jobId);
      if (!open) return;
      open.job.originBytes += bytes;
      open.throttle.call();
    },
    blobFailed: (digest, error, peerIds) => {
      const named = naming(digest);
      const jobIds = named.map(({ job }) => job.id);
      log.warn({ digest, jobIds, code: error.code, foreign: error.text }, 'blob given up');
      for (const open of named) {
        logs.note(open.job.id, { level: 'error', event: 'blob given up', digest, code: error.code, text: error.text });
        for (const host of open.job.hosts.values()) {
          if (peerIds && !peerIds.includes(host.peerId)) continue;
          if (!failBlob(open.job, host, { digest, error })) continue;
          moved(open, host);
          hostChanged(open, host);
        }
        changed(open);
      }
    },
    blobChanged: (digest) => {
      for (const open of naming(digest)) open.throttle.call();
    },
  };
}

/** A job gives no right before its time, while it is paused, and after its end. */
function rightOf(job: Job, host: JobHost, digest: string): BlobRight | undefined {
  if (job.ended || job.paused !== undefined || !job.begun || host.wave >= job.waves) return undefined;
  for (const { image, variant } of imagesOf(job, host)) {
    const descriptor = variant.layers.find((layer) => layer.digest === digest);
    const { registry, repository } = image;
    if (descriptor) return { size: descriptor.size, class: job.class, source: { registry, repository, descriptor } };
  }
  return undefined;
}
