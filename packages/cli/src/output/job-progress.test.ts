import type { ImageReport, JobHostView } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { testIo } from '../cli.testkit.ts';
import { jobViewOf } from '../job-view.testkit.ts';
import { createJobProgress } from './job-progress.ts';

const NOTHING = { wantedBytes: 0, haveBytes: 0, peerBytes: 0, resumedBytes: 0, archiveBytes: 0, feeders: [] };

function hostOf(name: string, figures: Partial<ImageReport>, host: Partial<JobHostView> = {}): JobHostView {
  const images: ImageReport[] = [{ reference: 'r', state: 'fetching', imageBytes: 1, ...NOTHING, ...figures }];
  return { peerId: name, name, online: true, state: 'fetching', images, ...host };
}

describe('the plain line of a job', () => {
  it('names the hosts that are offline, but not those that are through', () => {
    const io = testIo();
    const hosts = ['a', 'b', 'c', 'd'].map((name) => hostOf(name, {}, { online: false, state: 'waiting' }));
    createJobProgress(io).show(jobViewOf([hostOf('web-1', {}, { online: false, state: 'ready' }), ...hosts]));
    expect(io.err).toBe('1 of 5 hosts ready, 4 offline: a, b, c and 1 more\n');
  });

  it('has a rate of what came from peers, not of what was on disk already', () => {
    const io = testIo();
    const progress = createJobProgress(io);
    progress.show(jobViewOf([hostOf('web-1', { wantedBytes: 10e6 })]));
    io.nowMs = 2000;
    progress.show(
      jobViewOf([hostOf('web-1', { wantedBytes: 10e6, haveBytes: 8e6, resumedBytes: 6e6, peerBytes: 2e6 })]),
    );
    expect(io.err).toContain('80 % of the bytes, 1.0 MB/s\n');
  });

  it('of a job with more hosts than rows names each host that fails once', () => {
    const io = testIo();
    const progress = createJobProgress(io);
    const hosts = Array.from({ length: 41 }, (_, index) => hostOf(`web-${index}`, {}));
    const error = { code: 'DISK_FULL', text: 'the disk is full', retryable: false };
    hosts[7] = hostOf('web-7', {}, { state: 'failed', error });
    progress.show(jobViewOf(hosts));
    progress.show(jobViewOf(hosts));
    expect(io.err.match(/web-7 failed: the disk is full \(DISK_FULL\)/g)).toHaveLength(1);
  });

  it('says its wave, and when it will be ready against the time it is wanted', () => {
    const io = testIo();
    const times = {
      terms: { by: '2026-01-01T06:00:00Z' },
      readyAt: '2026-01-01T07:00:00Z',
      wave: { number: 1, of: 3 },
    };
    createJobProgress(io).show(jobViewOf([hostOf('web-1', {})], times));
    expect(io.err).toContain(', wave 1 of 3; ready about 2026-01-01T07:00:00Z, wanted by 2026-01-01T06:00:00Z, late');
  });

  it('says what the policy allows beside the rate', () => {
    const io = testIo();
    const allowed = { bytesPerSecond: 60e6, rule: 'office hours' };
    createJobProgress(io).show(jobViewOf([hostOf('web-1', { haveBytes: 1, wantedBytes: 2 })], { allowed }));
    expect(io.err).toMatch(/of the bytes, 0.0 kB\/s of 60.0 MB\/s \(office hours\)/);
  });
});
