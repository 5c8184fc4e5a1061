/** Agents, a seeder and a tracker on loopback in this process: whole jobs, all of it real but the registry. */
import { digestOf } from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import { createTracker, type HarborOptions } from '@shoal/tracker';
import { createTrackerClient, type JobView } from '@shoal/tracker/client';
import { onTestFinished } from 'vitest';
import { agentWith } from '../../packages/agent/src/agent.testkit.ts';
import type { AgentOptions } from '../../packages/agent/src/agent.ts';
import { type TestBlob, temporaryFolder } from '../../packages/agent/src/store/store.testkit.ts';
import { silent } from '../../packages/agent/src/swarm/host.testkit.ts';
import { type TwinSourceOptions, twinSource } from '../../packages/agent/src/swarm/origin.testkit.ts';
import { until } from '../../packages/agent/src/wait.testkit.ts';

/** A tracker with one image, and how a seeder and hosts join it. */
export async function site(
  layers: TestBlob[],
  { harbor, ...options }: TwinSourceOptions & { harbor?: HarborOptions } = {},
) {
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
    harbor,
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

export async function finished(client: ReturnType<typeof createTrackerClient>, id: string): Promise<JobView> {
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
