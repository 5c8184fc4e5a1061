import type { ImageReport, JobHostView, JobView } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { testIo } from '../cli.testkit.ts';
import { createJobProgress } from './job-progress.ts';

const NOTHING = { wantedBytes: 0, haveBytes: 0, peerBytes: 0, resumedBytes: 0, archiveBytes: 0, feeders: [] };

function hostOf(name: string, figures: Partial<ImageReport>, host: Partial<JobHostView> = {}): JobHostView {
  const images: ImageReport[] = [{ reference: 'r', state: 'fetching', imageBytes: 1, ...NOTHING, ...figures }];
  return { peerId: name, name, online: true, state: 'fetching', images, ...host };
}

function viewOf(hosts: JobHostView[]): JobView {
  const images = [{ reference: 'r', digests: [], imageBytes: 1 }];
  return {
    ...{ id: 'j1', state: 'running', class: 'prewarm', images, originBytes: 0, hosts },
    createdAt: '2026-01-01T00:00:00Z',
  };
}

describe('the plain line of a job', () => {
  it('names the hosts that are offline, but not those that are through', () => {
    const io = testIo();
    const hosts = ['a', 'b', 'c', 'd'].map((name) => hostOf(name, {}, { online: false, state: 'waiting' }));
    createJobProgress(io).show(viewOf([hostOf('web-1', {}, { online: false, state: 'ready' }), ...hosts]));
    expect(io.err).toBe('1 of 5 hosts ready, 4 offline: a, b, c and 1 more\n');
  });

  it('has a rate of what came from peers, not of what was on disk already', () => {
    const io = testIo();
    const progress = createJobProgress(io);
    progress.show(viewOf([hostOf('web-1', { wantedBytes: 10e6 })]));
    io.nowMs = 2000;
    progress.show(viewOf([hostOf('web-1', { wantedBytes: 10e6, haveBytes: 8e6, resumedBytes: 6e6, peerBytes: 2e6 })]));
    expect(io.err).toContain('80 % of the bytes, 1.0 MB/s\n');
  });
});
