import { describe, expect, it } from 'vitest';
import { createJobLogs } from './job-log.ts';

const HOST = { peerId: 'a'.repeat(40), name: 'web-1' };

function logsAt(nowMs: number) {
  return createJobLogs({ now: () => nowMs, uptime: () => 0, after: () => () => {} });
}

describe('the log of a job', () => {
  it("has the events of its hosts and of the tracker by the tracker's clock, oldest first", () => {
    const logs = logsAt(10_000);
    logs.note('j', { level: 'info', event: 'job created' });
    logs.take('j', HOST, [{ agoMs: 4000, level: 'error', event: 'image failed', code: 'DISK_FULL' }]);
    expect(logs.of('j').entries).toEqual([
      {
        at: '1970-01-01T00:00:06.000Z',
        host: 'web-1',
        peerId: HOST.peerId,
        level: 'error',
        event: 'image failed',
        code: 'DISK_FULL',
      },
      { at: '1970-01-01T00:00:10.000Z', level: 'info', event: 'job created' },
    ]);
    expect(logs.of('other')).toEqual({ entries: [], dropped: 0 });
  });

  it('forgets the oldest, but no trouble for what went well', () => {
    const logs = logsAt(1e6);
    logs.take('j', HOST, [{ agoMs: 1e6, level: 'error', event: 'first' }]);
    for (let i = 0; i < 30_000; i++) logs.take('j', HOST, [{ agoMs: 0, level: 'info', event: `fine ${i}` }]);
    const { entries, dropped } = logs.of('j');
    expect(entries[0]).toMatchObject({ event: 'first' });
    expect(entries.at(-1)).toMatchObject({ event: 'fine 29999' });
    expect(entries.length + dropped).toBe(30_001);
    expect(entries.length).toBeLessThan(6002);
  });

  it('forgets whole jobs, those that were quiet longest', () => {
    const logs = logsAt(0);
    for (let job = 0; job < 20; job++) logs.note(`j${job}`, { level: 'info', event: 'job created' });
    logs.note('j0', { level: 'info', event: 'job ended' });
    logs.note('j20', { level: 'info', event: 'job created' });
    expect(logs.of('j0').entries).toHaveLength(2);
    expect(logs.of('j1').entries).toEqual([]);
  });
});
