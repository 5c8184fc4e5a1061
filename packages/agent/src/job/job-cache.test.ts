/** What a job means for the cache of its host. */
import { expect, it } from 'vitest';
import { blobOf, PIECE } from '../store/store.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import { deliver, imageOf, testJobs } from './jobs.testkit.ts';

const BASE = blobOf(3 * PIECE + 1, { mark: 'base' });
const TOP = blobOf(100, { mark: 'top' });
const KEEP_UNTIL = '2030-01-02T03:04:05.000Z';

it('a job keeps all layers of its images until it is closed, also what this host has or lacks no more', async () => {
  const kit = await testJobs();
  const image = imageOf([BASE, TOP]);
  kit.exit.present.add(BASE.digest);
  kit.start('j', image);
  expect(kit.jobs.jobOf(BASE.digest)).toBe('j');
  await deliver(kit, TOP);
  await kit.reached('j', 'ready');
  expect([BASE, TOP].map(({ digest }) => kit.jobs.jobOf(digest))).toEqual(['j', 'j']);
  expect(kit.jobs.jobOfImage(image.job.manifest.digest)).toBe('j');
  kit.jobs.closed({ type: 'jobClosed', jobId: 'j', reason: 'done' });
  expect(kit.jobs.jobOf(BASE.digest)).toBeUndefined();
  expect(kit.jobs.jobOfImage(image.job.manifest.digest)).toBeUndefined();
  expect(kit.told.rounds).toBe(1);
});

it('what the engine has loaded is told, once it has', async () => {
  const kit = await testJobs();
  const gate = createGate();
  kit.exit.before = () => gate.opened;
  kit.start('j', imageOf([BASE, TOP]));
  await deliver(kit, BASE, TOP);
  await until('the exit', () => kit.jobs.reports()[0]?.images[0]?.state === 'loading');
  expect(kit.told.loaded).toEqual([]);
  gate.open();
  await kit.reached('j', 'ready');
  expect(kit.told.loaded).toEqual([BASE.digest, TOP.digest]);
});

it('keepUntil keeps the layers from the start, and the image in the engine', async () => {
  const kit = await testJobs();
  const image = imageOf([BASE, TOP]);
  kit.jobs.start({ type: 'job', jobId: 'j', class: 'prewarm', images: [image.job], keepUntil: KEEP_UNTIL });
  const untilMs = Date.parse(KEEP_UNTIL);
  expect(kit.told.kept).toEqual([
    [BASE.digest, untilMs],
    [TOP.digest, untilMs],
  ]);
  await deliver(kit, BASE, TOP);
  await kit.reached('j', 'ready');
  expect(kit.exit.keptUntilMs).toEqual([untilMs]);
});

it('a job without keepUntil, or with one that is no instant, keeps nothing longer', async () => {
  const kit = await testJobs();
  const images = [imageOf([TOP]).job];
  kit.jobs.start({ type: 'job', jobId: 'a', class: 'prewarm', images });
  kit.jobs.start({ type: 'job', jobId: 'b', class: 'prewarm', images, keepUntil: 'tomorrow' });
  await deliver(kit, TOP);
  for (const jobId of ['a', 'b']) await kit.reached(jobId, 'ready');
  expect([kit.told.kept, kit.exit.keptUntilMs]).toEqual([[], [0, 0]]);
});

it('a job that has ended here is said again when asked, so that a tracker that closed it meanwhile says so', async () => {
  const kit = await testJobs();
  kit.start('running', imageOf([BASE], { mark: 'a' }));
  kit.start('ended', imageOf([TOP], { mark: 'b' }));
  await until('the joins', () => kit.saidOf('join').length === 2);
  await deliver(kit, TOP);
  await kit.reached('ended', 'ready');
  kit.said.length = 0;
  kit.jobs.sayEnded();
  expect(kit.said).toMatchObject([{ type: 'report', jobId: 'ended' }]);
});
