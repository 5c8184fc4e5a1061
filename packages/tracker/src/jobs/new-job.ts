/**
 * Makes a job from resolved images and chosen hosts. Pure.
 * A host whose platform an image lacks fails at once; a job that would fail on every host is not made.
 */
import { OciError, type Platform } from '@shoal/oci';
import type { JobClass } from '../client/shapes.ts';
import { TrackerError } from '../errors.ts';
import { platformKey, type Resolution } from '../resolve/resolve-images.ts';
import type { Job, JobHost } from './job.ts';

export interface NewJob {
  id: string;
  class: JobClass;
  createdAtMs: number;
  hosts: readonly { peerId: string; name: string; platform: Platform }[];
  resolutions: readonly Resolution[];
}

/** Throws TrackerError NO_PLATFORM. */
export function newJob({ id, class: jobClass, createdAtMs, hosts, resolutions }: NewJob): Job {
  const jobHosts = hosts.map((host) => hostOf(host, resolutions));
  if (jobHosts.every(({ state }) => state === 'failed')) {
    const texts = new Set(jobHosts.map(({ error }) => error?.text));
    throw new TrackerError('NO_PLATFORM', [...texts].join('; '));
  }
  return {
    id,
    class: jobClass,
    state: 'running',
    createdAtMs,
    originBytes: resolutions.reduce((sum, { originBytes }) => sum + originBytes, 0),
    images: resolutions.map(({ image }) => image),
    hosts: new Map(jobHosts.map((host) => [host.peerId, host])),
  };
}

function hostOf(host: NewJob['hosts'][number], resolutions: readonly Resolution[]): JobHost {
  const { peerId, name } = host;
  const key = platformKey(host.platform);
  const choices = resolutions.map(({ image, choices }) => ({ image, choice: choices.get(key) }));
  const variants = choices.map(({ choice }) => (typeof choice === 'number' ? choice : null));
  const failed = choices.find(({ choice }) => choice instanceof OciError);
  if (!failed) return { peerId, name, variants, state: 'waiting', reports: [] };
  const text = `${failed.image.reference}: ${(failed.choice as OciError).message}`;
  return {
    peerId,
    name,
    variants: variants.map(() => null),
    state: 'failed',
    reports: [],
    error: { code: 'NO_PLATFORM', text, retryable: false },
  };
}
