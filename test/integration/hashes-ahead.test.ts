/** A seeder reads and hashes an image before any host is there; the first host then gets it without the registry. */
import { expect, it } from 'vitest';
import { blobOf } from '../../packages/agent/src/store/store.testkit.ts';
import { dragonfly } from '../support/harbor.ts';
import { finished, site } from '../support/site.ts';
import { waitFor } from '../support/wait.ts';

const MIB = 1024 * 1024;

it('what Harbor has seeders read is in the swarm before the first host comes', async () => {
  const layers = ['base', 'delta', 'app'].map((mark, at) => blobOf((at + 1) * 3 * MIB + 1, { mark }));
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  const door = { secret: 's3cret', username: 'harbor', header: 'X-Key', isOpen: false };
  const preheat = { ...door, clusters: {}, answerAfterMs: 60_000 };
  const { client, join, origin, url } = await site(layers, { harbor: { registryOf: (host) => host, preheat } });
  const host = await join('agent', 'web-1');
  const seeder = await join('seeder', 's1');
  await waitFor('both', async () => (await client.hosts()).filter(({ online }) => online).length === 2);
  await host.stop();

  const harbor = dragonfly({ endpoint: url, authMode: 'OAUTH', authInfo: { token: 's3cret' } });
  const { taskId } = await harbor.preheat({
    ...{ url: 'https://registry.test/v2/team/app/manifests/1', token: 'Bearer x', name: 'team/app', tag: '1' },
    ...{ digest: '', scope: 'single_seed_peer' },
  });
  const done = await waitFor('the seeder', async () => {
    const status = await harbor.check(taskId);
    return status.status === 'RUNNING' ? undefined : status;
  });
  expect(done).toMatchObject({ status: 'SUCCESS', message: expect.stringMatching(/\| s1 \|.*\| SUCCESS \|/) });
  expect([origin.sentBytes, seeder.status().traffic.originBytes]).toEqual([bytes, bytes]);

  await join('agent', 'web-2');
  await waitFor('web-2', async () => (await client.hosts()).some(({ name }) => name === 'web-2'));
  const job = await client.createJob({ images: ['registry.test/team/app:1'], hosts: ['web-2'] });
  expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
  expect(origin.sentBytes).toBe(bytes);
});
