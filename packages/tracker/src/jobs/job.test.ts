import { parseDigest } from '@shoal/oci';
import { describe, expect, it } from 'vitest';
import type { ImageReport } from '../client/index.ts';
import { reportOf } from '../tracker.testkit.ts';
import {
  advanceWaves,
  applyReports,
  failBlob,
  isActive,
  type Job,
  type JobHost,
  retryHost,
  stateOfJob,
} from './job.ts';

const LAYER = parseDigest(`sha256:${'1'.repeat(64)}`);
const ERROR = { code: 'DIGEST_MISMATCH', text: 'wrong bytes', retryable: false };

/** A job of the images a and b; only a has LAYER. */
function jobOf(hostNames: string): Job {
  const image = (reference: string, layers: (typeof LAYER)[]) => ({
    ...{ reference, registry: 'r', repository: reference, root: '', choices: {} },
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
    { peerId: name, name, variants: [0, 0], wave: 0, state: 'waiting', reports: [] },
  ]);
  return {
    ...{ id: 'j', class: 'prewarm', begun: true, waves: 1, terms: {}, createdAtMs: 0, originBytes: 0 },
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

describe('a host that failed', () => {
  it('tries again with what it has, unless its platform has no image', () => {
    const job = jobOf('xy');
    applyReports(job, hostOf(job), reports('a:failed b:ready'));
    expect(retryHost(job, hostOf(job))).toBe(true);
    expect(hostOf(job)).toMatchObject({ state: 'fetching', error: undefined, reports: [{ reference: 'b' }] });
    Object.assign(hostOf(job, 'y'), { state: 'failed', variants: [null, null] });
    expect(retryHost(job, hostOf(job, 'y'))).toBe(false);
  });
});

describe('a job with terms', () => {
  it('moves nothing before its time and while it is paused', () => {
    const job = jobOf('x');
    expect(isActive(job, hostOf(job))).toBe(true);
    expect(isActive({ ...job, paused: 'why' }, hostOf(job))).toBe(false);
    expect(isActive({ ...job, begun: false }, hostOf(job))).toBe(false);
    expect(stateOfJob({ ...job, begun: false })).toBe('scheduled');
    expect(stateOfJob({ ...job, begun: false, paused: 'why' })).toBe('paused');
  });

  it('that stands waits for more when all its hosts have ended', () => {
    const job = { ...jobOf('x'), terms: { standing: true } };
    applyReports(job, hostOf(job), reports('a:ready b:ready'));
    expect(stateOfJob(job)).toBe('standing');
  });

  it('goes on in waves as enough of one is ready, and pauses when too many failed', () => {
    const job: Job = { ...jobOf('abcdef'), terms: { waves: { percents: [20, 50, 100], goOnAt: 50, stopAt: 40 } } };
    [...'abbcdd'].forEach((_, index) => {
      hostOf(job, 'abcdef'[index]).wave = [0, 1, 1, 1, 2, 2][index] as number;
    });
    const end = (name: string, state: string) => applyReports(job, hostOf(job, name), reports(`a:${state} b:${state}`));
    expect(advanceWaves(job)).toBe('wait');
    expect(isActive(job, hostOf(job, 'b'))).toBe(false);
    end('a', 'ready');
    expect(advanceWaves(job)).toBe('go on');
    expect(['b', 'd', 'e'].map((name) => isActive(job, hostOf(job, name)))).toEqual([true, true, false]);
    end('b', 'failed');
    expect(advanceWaves(job)).toBe('wait');
    end('c', 'failed');
    expect(advanceWaves(job)).toBe('stop');
    expect(job.paused).toMatch(/^2 of 4 hosts failed, more than 40 %/);
    job.paused = undefined;
    end('d', 'ready');
    expect(stateOfJob(job)).toBe('running');
  });
});
