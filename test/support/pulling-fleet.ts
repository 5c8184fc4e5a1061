/** Hosts that pull through their proxies an image that lies in a real registry. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Agent } from '../../packages/agent/src/agent.ts';
import { tempDir } from './cleanup.ts';
import { makeImage, type TestImage } from './image.ts';
import { run } from './process.ts';
import { type FleetRates, HARBOR, type RealFleet, startFleet } from './real-fleet.ts';
import { pushImage, type TestRegistry } from './registry.ts';

const MiB = 1024 * 1024;

export interface Fleet extends RealFleet {
  /** Under `team/app:1`. */
  image: TestImage;
}

export async function pullingFleet(registry: TestRegistry, count: number, rates: FleetRates = {}): Promise<Fleet> {
  const image = await makeImage({ baseBytes: 20 * MiB, middleBytes: 4 * MiB });
  await pushImage(image.layout, `${registry.host}/team/app:1`);
  return { image, ...(await startFleet(registry, count, rates)) };
}

/** The digest of the manifest that skopeo got, with every blob checked by it. */
export async function pull(host: Agent, name = 'team/app:1'): Promise<string> {
  const folder = join(await tempDir('skopeo'), 'dir');
  const from = `docker://127.0.0.1:${host.proxyPort}/${HARBOR}/${name}`;
  await run('skopeo', ['--insecure-policy', 'copy', '--src-tls-verify=false', from, `dir:${folder}`]);
  expect((await readdir(folder)).length).toBeGreaterThan(3);
  return (await run('skopeo', ['manifest-digest', join(folder, 'manifest.json')])).trim();
}
