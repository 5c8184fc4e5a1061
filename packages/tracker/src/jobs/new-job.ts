/**
 * Makes a job from resolved images and chosen hosts. Pure.
 * A host whose platform an image lacks fails at once; a job that would fail on every host is not made.
 */
import type { Platform } from '@shoal/oci';
import type { JobTerms } from '../client/job-schemas.ts';
import type { JobClass } from '../client/shapes.ts';
import { TrackerError } from '../errors.ts';
import { platformKey, type ResolvedImage } from '../resolve/resolve-images.ts';
import type { Job, JobHost } from './job.ts';
import { waveNumbers } from './waves.ts';

export interface NewHost {
  peerId: string;
  name: string;
  platform: Platform;
}

export interface NewJob {
  id: string;
  class: JobClass;
  createdAtMs: number;
  selectors: string[] | undefined;
  terms: JobTerms;
  /** In the order in which waves take them. */
  hosts: readonly NewHost[];
  images: ResolvedImage[];
  originBytes: number;
}

/** Throws TrackerError NO_PLATFORM. */
export function newJob({ hosts, ...order }: NewJob): Job {
  const { images, terms } = order;
  const waves = waveNumbers(hosts.length, terms.waves);
  const made = hosts.map((host, index) => ({ ...hostOf(host, { images, terms }), wave: waves[index] ?? 0 }));
  if (made.every(({ state }) => state === 'failed')) {
    throw new TrackerError('NO_PLATFORM', [...new Set(made.map(({ error }) => error?.text))].join('; '));
  }
  const begun = terms.at === undefined || Date.parse(terms.at) <= order.createdAtMs;
  const byName = made.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { ...order, begun, waves: 1, hosts: new Map(byName.map((host) => [host.peerId, host])) };
}

/** A host of the job: one that waits, or one that can never have it. */
export function hostOf(host: NewHost, { images, terms }: Pick<Job, 'images' | 'terms'>): JobHost {
  const { peerId, name } = host;
  const key = platformKey(host.platform);
  const choices = images.map(({ choices, reference }) => ({ reference, choice: choices[key] }));
  const failed = choices.find(({ choice }) => choice?.variant === null || (choice?.error && !terms.force));
  const common = { peerId, name, wave: 0, reports: [] };
  if (!failed) return { ...common, variants: choices.map(({ choice }) => choice?.variant ?? null), state: 'waiting' };
  const { code, text, retryable } = failed.choice?.error ?? { code: 'NO_PLATFORM', text: '', retryable: false };
  const error = { code, text: `${failed.reference}: ${text}`, retryable };
  return { ...common, variants: choices.map(() => null), state: 'failed', error };
}
