import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../clock.ts';
import { imageIn } from '../memory-source.testkit.ts';
import { reportOf, startTracker, type TestAgent, type TestTracker } from '../tracker.testkit.ts';
import { createBlobStore } from './blob-store.ts';
import { type Database, openDatabase } from './database.ts';
import { createHostImageStore } from './host-image-store.ts';
import { createRetention, type Removed, type RetentionNow } from './retention.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 1);

interface Site extends TestTracker {
  host: TestAgent;
  db: Database;
  /** Another day. */
  on(day: number): void;
  /** Orders an image and has it ready. */
  bring(tag: string, keepUntil?: string): Promise<string>;
  clean(now: Partial<RetentionNow> & Pick<RetentionNow, 'beforeMs'>): Removed;
  count(table: string): number;
}

async function site(): Promise<Site> {
  let now = START_MS;
  const kit = await startTracker({ clock: { ...systemClock, now: () => now } });
  const host = await kit.agent('web-1');
  const db = openDatabase(kit.dataDir);
  onTestFinished(() => void db.close());
  return Object.assign(kit, {
    ...{ host, db },
    on: (day: number) => {
      now = START_MS + day * DAY_MS;
    },
    async bring(tag: string, keepUntil?: string) {
      const reference = `registry.test/team/app:${tag}`;
      kit.source.tag(`team/app:${tag}`, imageIn(kit.source, { layers: [{ name: tag, size: 1000 }] }));
      const { id } = await kit.client.createJob({ images: [reference], keepUntil });
      host.send({ type: 'report', jobId: id, images: [reportOf(reference, { state: 'ready' })] });
      await expect.poll(async () => (await kit.client.job(id)).state).toBe('done');
      return id;
    },
    clean(wanted: Partial<RetentionNow> & Pick<RetentionNow, 'beforeMs'>) {
      const round = createRetention(db).round({ nowMs: now, isRunning: () => false, ...wanted });
      for (;;) {
        const { done, value } = round.next();
        if (done) return value;
      }
    },
    count: (table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number,
  });
}

describe('what is long over', () => {
  it('goes: ended jobs with hosts and documents, but what others name, and no open job', async () => {
    const kit = await site();
    const first = await kit.bring('1');
    kit.on(10);
    const second = await kit.bring('2');
    const { id: open } = await kit.client.createJob({ images: ['registry.test/team/app:1'] });
    expect(kit.clean({ beforeMs: START_MS + 5 * DAY_MS })).toEqual({ jobs: 1, hostImages: 0, blobs: 0 });
    await expect(kit.client.job(first)).rejects.toMatchObject({ code: 'UNKNOWN_JOB' });
    expect((await kit.client.job(second)).hosts).toHaveLength(1);
    expect((await kit.client.job(open)).state).toBe('running');
    expect([kit.count('jobs'), kit.count('job_hosts'), kit.count('documents')]).toEqual([2, 2, 4]);
    await kit.client.actOnJob(open, 'cancel');
    kit.on(20);
    expect(kit.clean({ beforeMs: START_MS + 15 * DAY_MS })).toMatchObject({ jobs: 2 });
    // The manifests of what the host has.
    expect([kit.count('jobs'), kit.count('documents')]).toEqual([0, 2]);
    expect(kit.db.pragma('foreign_key_check')).toEqual([]);
  });

  it('stays while its images are kept until a date to come', async () => {
    const kit = await site();
    await kit.bring('1', new Date(START_MS + 100 * DAY_MS).toISOString());
    kit.on(99);
    expect(kit.clean({ beforeMs: START_MS + 50 * DAY_MS })).toMatchObject({ jobs: 0 });
    kit.on(101);
    expect(kit.clean({ beforeMs: START_MS + 50 * DAY_MS })).toMatchObject({ jobs: 1 });
  });

  it('is, of the tags that a host had, what is beyond the newest twenty of their repository', async () => {
    const { db, clean } = await site();
    const store = createHostImageStore(db);
    const had = (repository: string, tag: string, readyAtMs: number) => {
      const reference = `${repository}:${tag}`;
      store.save({ peerId: 'a', repository, digest: tag, osVersion: null, reference, readyAtMs });
    };
    had('win/base', 'ltsc2019', 0);
    had('win/base', 'ltsc2022', 1);
    for (let day = 0; day < 30; day++) had('app', `v${day}`, day);
    expect(clean({ beforeMs: 25 })).toMatchObject({ hostImages: 10 });
    const left = store.ofHost('a').map(({ reference }) => reference);
    expect(left).toEqual(expect.arrayContaining(['win/base:ltsc2019', 'win/base:ltsc2022', 'app:v10', 'app:v29']));
    expect(left).toHaveLength(22);
  });

  it('is not taken up again in the middle of its removal, and not removed when it was taken up before', async () => {
    const kit = await site();
    const ids: string[] = [];
    for (const tag of ['1', '2']) {
      const reference = `registry.test/team/app:${tag}`;
      kit.source.tag(`team/app:${tag}`, imageIn(kit.source, { layers: [{ name: tag, size: 1000 }] }));
      const { id } = await kit.client.createJob({ images: [reference] });
      const error = { code: 'DISK_FULL', text: 'full', retryable: true };
      kit.host.send({ type: 'report', jobId: id, images: [reportOf(reference, { state: 'failed', error })] });
      await expect.poll(async () => (await kit.client.job(id)).state).toBe('failed');
      ids.push(id);
    }
    const [first = '', second = ''] = ids;
    kit.on(10);
    const beforeMs = START_MS + 5 * DAY_MS;
    const round = createRetention(kit.db).round({ nowMs: beforeMs, beforeMs, isRunning: () => false });
    round.next();
    await expect(kit.client.actOnJob(first, 'retry')).rejects.toMatchObject({ code: 'NOTHING_FAILED' });
    expect((await kit.client.actOnJob(second, 'retry')).state).toBe('running');
    for (;;) if (round.next().done) break;
    await expect(kit.client.job(first)).rejects.toMatchObject({ code: 'UNKNOWN_JOB' });
    expect((await kit.client.job(second)).hosts).toHaveLength(1);
  });

  it('is a blob that nobody asked for, whose swarm is not open', async () => {
    const { db, clean } = await site();
    let now = 0;
    const blobs = createBlobStore(db, () => now);
    for (const digest of ['a', 'b', 'c']) blobs.put({ digest, size: 1, pieceLength: 1, hashes: Buffer.alloc(32) });
    now = 5 * DAY_MS;
    expect(blobs.get('b')).toEqual({ digest: 'b', size: 1, pieceLength: 1, hashes: Buffer.alloc(32) });
    expect(clean({ beforeMs: DAY_MS, isRunning: (digest) => digest === 'c' })).toMatchObject({ blobs: 1 });
    expect([blobs.get('a'), blobs.get('b')?.digest, blobs.get('c')?.digest]).toEqual([undefined, 'b', 'c']);
  });
});
