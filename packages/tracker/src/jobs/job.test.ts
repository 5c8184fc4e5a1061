import { parseDigest } from '@shoal/oci';
import { describe, expect, it } from 'vitest';
import type { ImageReport } from '../client/index.ts';
import { reportOf } from '../tracker.testkit.ts';
import { applyReports, failBlob, type Job, type JobHost, stateOfJob } from './job.ts';

const LAYER = parseDigest(`sha256:${'1'.repeat(64)}`);
const ERROR = { code: 'DIGEST_MISMATCH', text: 'wrong bytes', retryable: false };

/** A job of the images a and b; only a has LAYER. */
function jobOf(hostNames: string): Job {
  const image = (reference: string, layers: (typeof LAYER)[]) => ({
    ...{ reference, registry: 'r', repository: reference },
    variants: [
      {
        manifest: { digest: LAYER, mediaType: '', bytes: Buffer.alloc(0) },
        config: { digest: LAYER, bytes: Buffer.alloc(0) },
        layers: layers.map((digest) => ({ mediaType: '', digest, size: 1 })),
        imageBytes: 1,
      },
    ],
  });
  const hosts = [...hostNames].map((name): [string, JobHost] => [
    name,
    { peerId: name, name, variants: [0, 0], state: 'waiting', reports: [] },
  ]);
  return {
    ...{ id: 'j', class: 'prewarm', state: 'running', createdAtMs: 0, originBytes: 0 },
    images: [image('a', [LAYER]), image('b', [])],
    hosts: new Map(hosts),
  };
}

/** `a:fetching b:ready` */
function reports(text: string): ImageReport[] {
  return text.split(' ').map((part) => {
    const [reference = '', state] = part.split(':');
    return reportOf(reference, { state: state as ImageReport['state'], ...(state === 'failed' && { error: ERROR }) });
  });
}

function hostOf(job: Job, name = 'x'): JobHost {
  return job.hosts.get(name) as JobHost;
}

describe("a host's state", () => {
  it.each([
    ['a:fetching', 'fetching'],
    ['a:ready', 'fetching'],
    ['a:fetching b:loading', 'loading'],
    ['a:failed b:fetching', 'fetching'],
    ['a:failed b:ready', 'failed'],
    ['a:ready b:ready', 'ready'],
    ['other:ready', 'waiting'],
  ])('after %s is %s', (text, state) => {
    const job = jobOf('x');
    applyReports(job, hostOf(job), reports(text));
    expect(hostOf(job).state).toBe(state);
  });

  it('does not change once it has ended, nor does an image that has ended', () => {
    const job = jobOf('x');
    applyReports(job, hostOf(job), reports('a:failed'));
    applyReports(job, hostOf(job), reports('a:ready b:ready'));
    expect(hostOf(job)).toMatchObject({ state: 'failed', error: ERROR });
    expect(applyReports(job, hostOf(job), reports('a:fetching'))).toBe(false);
  });

  it('fails with a blob that nobody can have, and only for images that need it', () => {
    const job = jobOf('x');
    applyReports(job, hostOf(job), reports('b:ready'));
    expect(failBlob(job, hostOf(job), { digest: 'sha256:other', error: ERROR })).toBe(false);
    expect(failBlob(job, hostOf(job), { digest: LAYER, error: ERROR })).toBe(true);
    expect(hostOf(job)).toMatchObject({
      state: 'failed',
      error: ERROR,
      reports: [{ state: 'ready' }, { reference: 'a' }],
    });
  });

  it('is untouched by a wrong blob of an image it has already', () => {
    const job = jobOf('x');
    applyReports(job, hostOf(job), reports('a:ready b:fetching'));
    failBlob(job, hostOf(job), { digest: LAYER, error: ERROR });
    expect(hostOf(job).state).toBe('fetching');
  });
});

describe("a job's state", () => {
  it.each([
    ['a:ready b:ready', 'a:fetching', 'running'],
    ['a:failed b:ready', 'a:fetching', 'running'],
    ['a:failed b:ready', 'a:ready b:ready', 'failed'],
    ['a:ready b:ready', 'a:ready b:ready', 'done'],
  ])('with hosts at %s and %s is %s', (first, second, state) => {
    const job = jobOf('xy');
    applyReports(job, hostOf(job, 'x'), reports(first));
    applyReports(job, hostOf(job, 'y'), reports(second));
    expect(stateOfJob(job)).toBe(state);
  });
});
