/** A person's pull beside what jobs fetch. */
import { expect, it } from 'vitest';
import { blobOf } from '../store/store.testkit.ts';
import { testSwarms } from './swarms.testkit.ts';

const PULL = { registry: 'harbor.test', repository: 'team/app', authorization: 'Bearer alice' };

it('a pull joins by its client’s own right, and is open as soon as the tracker lets it in', async () => {
  const kit = await testSwarms();
  const blob = blobOf(3 * 256 * 1024);
  const pulled = kit.swarms.pull(blob.digest, PULL, new AbortController().signal);
  expect(await kit.heard('join')).toMatchObject([{ digest: blob.digest, pull: PULL }]);
  await kit.joined(blob, { hashes: Buffer.alloc(0) });
  expect((await pulled).blob).toMatchObject({ digest: blob.digest, size: blob.size, complete: false });
});

it('a pre-warm under way becomes a pull’s, keeps its pieces, and is a pre-warm again when nobody waits', async () => {
  const kit = await testSwarms();
  const blob = blobOf(3 * 256 * 1024);
  const job = new AbortController();
  const warmed = kit.swarms.fetch(blob.digest, { jobId: 'j' }, job.signal);
  await kit.heard('join');
  await kit.joined(blob);
  const runner = kit.swarms.runnerOf(blob.digest);
  expect(runner?.trafficClass).toBe('prewarm');
  const gone = new AbortController();
  const { blob: file } = await kit.swarms.pull(blob.digest, PULL, gone.signal);
  expect([runner?.trafficClass, file === runner?.blob, kit.saidOf('join').length]).toEqual(['pull', true, 1]);
  gone.abort();
  await expect.poll(() => runner?.trafficClass).toBe('prewarm');
  job.abort(new Error('enough'));
  await expect(warmed).rejects.toThrow('enough');
});

it('a refused pull says why, and leaves nothing behind', async () => {
  const kit = await testSwarms();
  const blob = blobOf(256 * 1024);
  const pulled = kit.swarms.pull(blob.digest, PULL, new AbortController().signal);
  const [{ request } = { request: 0 }] = await kit.heard('join');
  const error = { code: 'PULL_REFUSED', text: 'no', retryable: false };
  kit.swarms.joinRefused({ type: 'joinRefused', request, error });
  await expect(pulled).rejects.toMatchObject({ code: 'PULL_REFUSED' });
  expect([kit.swarms.isFetching(blob.digest), kit.host.store.list()]).toEqual([false, []]);
});

it('whoever is let in after it has gone leaves at once', async () => {
  const kit = await testSwarms();
  const blob = blobOf(256 * 1024);
  const gone = new AbortController();
  const pulled = kit.swarms.pull(blob.digest, PULL, gone.signal);
  await kit.heard('join');
  gone.abort();
  await expect(pulled).rejects.toThrow();
  await kit.joined(blob);
  expect(await kit.heard('leave')).toHaveLength(1);
});
