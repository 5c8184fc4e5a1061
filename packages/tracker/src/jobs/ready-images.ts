/** Which images a host has by what it reported. Pure. */
import { parseImageConfig } from '@shoal/oci';
import type { HostImage } from '../store/host-image-store.ts';
import { imagesOf, type Job, type JobHost } from './job.ts';

export function readyImagesOf(job: Job, host: JobHost, nowMs: number): HostImage[] {
  const isReady = (wanted: string) =>
    host.reports.some(({ reference, state }) => reference === wanted && state === 'ready');
  return imagesOf(job, host)
    .filter(({ image }) => isReady(image.reference))
    .map(({ image: { registry, repository, reference }, variant: { manifest, config } }) => ({
      ...{ peerId: host.peerId, repository: `${registry}/${repository}`, reference, digest: manifest.digest },
      osVersion: parseImageConfig(config.bytes).osVersion ?? null,
      readyAtMs: nowMs,
    }));
}
