/**
 * Orders with terms on the real path: Debian's registry, three Docker Engines, a tracker with its seeder and three
 * agents, all as processes.
 */
import type { JobView } from '@shoal/tracker/client';
import { beforeAll, expect, it } from 'vitest';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, makeVariant, type TestImage } from '../support/image.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { type ShoalSite, startSite, waitForJob } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';

const HOSTS = [
  { name: 'web-1', env: 'prod' },
  { name: 'web-2', env: 'prod' },
  { name: 'test-1', env: 'fat' },
];
const CAP = '40 MB/s';
const MIB = 1024 * 1024;
const FROZEN =
  'version: 1\ntimezone: UTC\nrules:\n  - { name: frozen, limit: { per: host, download: 0, upload: 0 } }\n';
const OPEN = 'version: 1\ntimezone: UTC\nrules:\n  - { name: open, limit: { per: host, download: 1 GB/s } }\n';

requireTools(['root', 'dockerd', 'docker', 'docker-registry', 'skopeo', 'static-busybox'])('an order', () => {
  let registry: TestRegistry;
  let engines: Dockerd[];
  let site: ShoalSite;
  let image: TestImage;

  beforeAll(async () => {
    [registry, image, ...engines] = await Promise.all([
      startRegistry(),
      makeImage(),
      startDockerd(),
      startDockerd(),
      startDockerd(),
    ]);
    site = await startSite({ registries: [{ host: registry.host, url: registry.url }], cap: CAP });
    await Promise.all(
      HOSTS.map(({ name, env }, index) =>
        site.startAgent({ name, engine: engines[index]?.address ?? '', cap: CAP, labels: { env } }),
      ),
    );
  });

  const order = async (...args: string[]): Promise<JobView> => {
    const result = await site.shoal('prewarm', ...args, '--json');
    expect(result, result.stderr).toMatchObject({ code: 0 });
    return JSON.parse(result.stdout) as JobView;
  };

  const imagesOn = async (reference: string): Promise<string[]> => {
    const found = await Promise.all(
      engines.map(async (engine, index) => ({
        name: HOSTS[index]?.name ?? '',
        has: (await engine.docker('image', 'ls', '--quiet', reference)).trim() !== '',
      })),
    );
    return found.filter(({ has }) => has).map(({ name }) => name);
  };

  it('by label comes onto the engines of these hosts alone, and a pipeline can wait for it', async () => {
    const reference = `${registry.host}/team/labels:1`;
    await pushImage(image.layout, reference);
    await order(reference, '--hosts', 'env=prod,os=linux', '--keep-until', '2099-01-01');
    expect(await site.shoal('wait', reference, '--hosts', 'env=prod')).toMatchObject({ code: 0 });
    expect(await imagesOn(reference)).toEqual(['web-1', 'web-2']);
    // Held by a tag of its own until then, on these hosts alone.
    expect(await imagesOn('shoal.local/held/team/labels')).toEqual(['web-1', 'web-2']);
    expect(await site.shoal('wait', reference)).toMatchObject({ code: 1 });
    const { hosts } = JSON.parse((await site.shoal('hosts', '--image', reference, '--json')).stdout);
    expect(hosts.filter(({ ready }: { ready: boolean }) => ready)).toHaveLength(2);
  });

  it('waits for its time and for the bandwidth policy', async () => {
    const reference = `${registry.host}/team/later:1`;
    await pushImage((await makeVariant(image)).layout, reference);
    await site.client.applyPolicy(FROZEN);
    const at = new Date(Date.now() + 2000).toISOString();
    const by = new Date(Date.now() + 60_000).toISOString();
    const { id, state, warning } = await order(reference, '--at', at, '--by', by);
    expect({ state, warning }).toMatchObject({ state: 'scheduled', warning: expect.stringContaining('"frozen"') });
    const begun = await waitForJob(site, id, (view) => view.counts.fetching === 3);
    expect(begun).toMatchObject({ state: 'running', bytes: { have: 0 } });
    await site.client.applyPolicy(OPEN);
    expect(await waitForJob(site, id, (view) => view.state !== 'running')).toMatchObject({ state: 'done' });
    expect(await imagesOn(reference)).toEqual(['web-1', 'web-2', 'test-1']);
  });

  it('survives a tracker that is killed in the middle, and a pause', async () => {
    const big = await makeImage({ baseBytes: 96 * MIB, line: 'a big image' });
    const reference = `${registry.host}/team/big:1`;
    await pushImage(big.layout, reference);
    const { id } = await order(reference);
    await waitForJob(site, id, (view) => view.bytes.have > 0.2 * view.bytes.wanted);
    await site.tracker.kill();
    await site.restartTracker();
    await site.shoal('job', id, 'pause');
    const paused = await waitForJob(site, id, (view) => view.state === 'paused');
    expect(paused.counts.ready).toBeLessThan(3);
    await site.shoal('job', id, 'resume');
    expect(await waitForJob(site, id, (view) => view.state !== 'running')).toMatchObject({ state: 'done' });
    expect(await imagesOn(reference)).toEqual(['web-1', 'web-2', 'test-1']);
    for (const engine of engines)
      expect(await engine.docker('run', '--rm', '--network', 'none', reference)).toBe('a big image\n');
  });
});
