/** Hosts that pull through their proxies, a seeder and a tracker, in this process; the registry behind them is real. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Agent, startAgent } from '../../packages/agent/src/agent.ts';
import { silent } from '../../packages/agent/src/swarm/host.testkit.ts';
import { createRegistrySource, createUpstream } from '../../packages/registry/src/index.ts';
import { createTracker, type Tracker } from '../../packages/tracker/src/index.ts';
import { cleanUpAfter, tempDir } from './cleanup.ts';
import { makeImage, type TestImage } from './image.ts';
import { run } from './process.ts';
import { pushImage, type TestRegistry } from './registry.ts';
import { waitFor } from './wait.ts';

const HARBOR = 'harbor.example.com';
const MiB = 1024 * 1024;

export interface Fleet {
  /** Under `team/app:1`. */
  image: TestImage;
  tracker: Tracker;
  seeder: Agent;
  /** `host-0`, `host-1`, … */
  hosts: Agent[];
}

/** `bytesPerSecond`: the cap of each, up and down. */
export async function pullingFleet(
  registry: TestRegistry,
  count: number,
  { bytesPerSecond = Number.POSITIVE_INFINITY } = {},
): Promise<Fleet> {
  const image = await makeImage({ baseBytes: 20 * MiB, middleBytes: 4 * MiB });
  await pushImage(image.layout, `${registry.host}/team/app:1`);
  const place = { host: HARBOR, url: registry.url };
  const tracker = await createTracker({
    ...{
      dataDir: await tempDir('tracker'),
      host: '127.0.0.1',
      port: 0,
      insecure: true,
      logger: silent,
      version: '1.2.3',
    },
    openSource: async () => createRegistrySource(place),
    openUpstream: (host) => (host === HARBOR ? createUpstream(place) : undefined),
  });
  cleanUpAfter(() => tracker.stop());
  const agent = async (name: string, role: 'agent' | 'seeder'): Promise<Agent> => {
    const started = await startAgent({
      ...{ dataDir: await tempDir(name), name, version: '1.2.3', labels: {}, logger: silent },
      tracker: { url: tracker.url, token: tracker.createToken(role, name) },
      ...{ peer: { host: '127.0.0.1', port: 0 }, control: undefined, exit: { kind: 'cache' } },
      limits: { uploadBytesPerSecond: bytesPerSecond, downloadBytesPerSecond: bytesPerSecond },
      ...(role === 'agent'
        ? { proxy: { host: '127.0.0.1', port: 0, registries: [place] } }
        : { openSource: async () => createRegistrySource(place) }),
    });
    cleanUpAfter(() => started.stop());
    await waitFor(`${name} to be connected`, async () => started.status().tracker.state === 'connected');
    return started;
  };
  const seeder = await agent('seeder', 'seeder');
  const hosts = await Promise.all(Array.from({ length: count }, (_, at) => agent(`host-${at}`, 'agent')));
  return { image, tracker, seeder, hosts };
}

/** The digest of the manifest that skopeo got, with every blob checked by it. */
export async function pull(host: Agent, name = 'team/app:1'): Promise<string> {
  const folder = join(await tempDir('skopeo'), 'dir');
  const from = `docker://127.0.0.1:${host.proxyPort}/${HARBOR}/${name}`;
  await run('skopeo', ['--insecure-policy', 'copy', '--src-tls-verify=false', from, `dir:${folder}`]);
  expect((await readdir(folder)).length).toBeGreaterThan(3);
  return (await run('skopeo', ['manifest-digest', join(folder, 'manifest.json')])).trim();
}
