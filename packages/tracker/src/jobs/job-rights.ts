/** What the swarms ask of the jobs: who may have which blob. Pure. */
import type { BlobRight } from '../swarms/rights.ts';
import { imagesOf, type Job, type JobHost } from './job.ts';

/** A job gives no right before its time, while it is paused, and after its end. */
export function rightOf(job: Job, host: JobHost, digest: string): BlobRight | undefined {
  if (job.ended || job.paused !== undefined || !job.begun || host.wave >= job.waves) return undefined;
  for (const { image, variant } of imagesOf(job, host)) {
    const descriptor = variant.layers.find((layer) => layer.digest === digest);
    const { registry, repository } = image;
    if (descriptor) return { size: descriptor.size, class: job.class, source: { registry, repository, descriptor } };
  }
  return undefined;
}
