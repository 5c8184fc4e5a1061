/** Agents, a seeder and a tracker on loopback, all real but the registry: whole jobs, and a tracker that goes away. */
import { digestOf } from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import { createTracker } from '@shoal/tracker';
import { createTrackerClient, type JobView } from '@shoal/tracker/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentWith } from '../../packages/agent/src/agent.testkit.ts';
import type { AgentOptions } from '../../packages/agent/src/agent.ts';
import { blobOf, type TestBlob, temporaryFolder } from '../../packages/agent/src/store/store.testkit.ts';
import { silent } from '../../packages/agent/src/swarm/host.testkit.ts';
import { type TwinSourceOptions, twinSource } from '../../packages/agent/src/swarm/origin.testkit.ts';
import { createGate, until } from '../../packages/agent/src/wait.testkit.ts';

/** A tracker on loopback with one image, a seeder and hosts; all of it real but the registry. */
async function site(layers: TestBlob[], options: TwinSourceOptions = {}) {
  const config = Buffer.from(
    JSON.stringify({
      ...{ os: process.platform === 'win32' ? 'windows' : process.platform, architecture: archOfHost() },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType },
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: layers.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })),
    }),
  );
  const origin = twinSource(layers, options);
  const small = twinSource([{ digest: digestOf(config), bytes: config }]);
  const resolved = async () => ({ digest: digestOf(manifest), mediaType, bytes: manifest });
  const registry: ImageSource = { ...small, resolve: resolved, manifest: resolved };
  const trackerOptions = {
    ...{ dataDir: temporaryFolder(), host: '127.0.0.1', insecure: true, logger: silent, version: '1.2.3' },
    openSource: async () => registry,
  };
  let tracker = await createTracker({ ...trackerOptions, port: 0 });
  const { url, port } = tracker;
  const client = createTrackerClient({ url, token: tracker.createToken('admin', 'test') });
  onTestFinished(async () => {
    await client.close();
    await tracker.stop();
  });
  const join = (role: 'agent' | 'seeder', name: string, changes: Partial<AgentOptions> = {}) =>
    agentWith({
      ...{ name, tracker: { url, token: tracker.createToken(role, name) } },
      ...(role === 'seeder' ? { openSource: async () => origin } : {}),
      ...changes,
    });
  return {
    ...{ client, origin, join, url },
    restart: async (whileDown: () => Promise<void> = async () => {}) => {
      await tracker.stop();
      await whileDown();
      tracker = await createTracker({ ...trackerOptions, port });
    },
  };
}

function archOfHost(): string {
  return { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch;
}

async function finished(client: ReturnType<typeof createTrackerClient>, id: string): Promise<JobView> {
  let view = await client.job(id);
  await until(
    'the job to end',
    async () => {
      view = await client.job(id);
      return view.state === 'done' || view.state === 'failed';
    },
    15_000,
  );
  return view;
}

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
