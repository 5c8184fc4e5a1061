/** Agents, a seeder and a tracker on loopback, all real but the registry: whole jobs, and a tracker that goes away. */
import { describe, expect, it } from 'vitest';
import { agentWith } from '../../packages/agent/src/agent.testkit.ts';
import { blobOf } from '../../packages/agent/src/store/store.testkit.ts';
import { createGate, until } from '../../packages/agent/src/wait.testkit.ts';
import { finished, site } from '../support/site.ts';

describe('with a real tracker and a seeder', () => {
  const MIB = 1024 * 1024;

  it('a job reaches every host, the origin is read once, the empty layer too', async () => {
    const layers = [blobOf(3 * MIB + 1, { mark: 'base' }), blobOf(0), blobOf(1, { mark: 'top' })];
    const { client, origin, join } = await site(layers);
    await Promise.all([join('seeder', 's'), join('agent', 'a'), join('agent', 'b')]);
    await until('the hosts', async () => (await client.hosts()).filter(({ online }) => online).length === 3);
    const job = await client.createJob({ images: ['registry.test/team/app:1'] });
    expect(await finished(client, job.id)).toMatchObject({
      state: 'done',
      hosts: [{ state: 'ready' }, { state: 'ready' }],
    });
    expect(origin.sentBytes).toBe(3 * MIB + 2);
  });

  it('a tracker that restarts while the seeder reads loses no hash: the job is done, the origin read once', async () => {
    const layer = blobOf(6 * MIB, { mark: 'restart' });
    const [middle, back] = [createGate(), createGate()];
    const { client, origin, join, restart } = await site([layer], {
      chunkBytes: MIB / 4,
      beforeChunk: async (position) => {
        if (position === 2 * MIB) middle.open();
        if (position === 4 * MIB) await back.opened;
      },
    });
    const seeder = await join('seeder', 's');
    await join('agent', 'a');
    await until('the hosts', async () => (await client.hosts()).filter(({ online }) => online).length === 2);
    const job = await client.createJob({ images: ['registry.test/team/app:1'] });
    await middle.opened;
    await restart(() => until('the loss', () => seeder.status().tracker.state === 'disconnected'));
    await until('the return', () => seeder.status().tracker.state === 'connected');
    back.open();
    expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
    expect(origin.sentBytes).toBe(layer.size);
  });

  it('an agent with a wrong token is refused, stops and says why', async () => {
    const { url } = await site([blobOf(1)]);
    const agent = await agentWith({ tracker: { url, token: 'shoal_agent_wrong' } });
    expect(await agent.stopped).toMatchObject({ code: 'REFUSED' });
  });
});
