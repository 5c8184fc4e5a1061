/**
 * The cache of real agents: a budget that makes them let go of what nobody needs, what an operator sees and may do, and
 * images that go from the cache once an engine has them.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheView } from '@shoal/agent';
import { digestHex } from '@shoal/oci';
import { beforeAll, expect, it } from 'vitest';
import { startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { blobsOf } from '../support/operator.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { type ShoalAgent, type ShoalSite, startSite, waitForJob } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MIB = 1024 * 1024;

/** Images that share nothing. */
async function makeImages(registry: TestRegistry, names: string[]): Promise<Record<string, TestImage>> {
  const images: Record<string, TestImage> = {};
  for (const [index, name] of names.entries()) {
    const image = await makeImage({
      ...{ line: `image ${name}`, baseBytes: 4 * MIB + index * 4096, middleBytes: MIB + index * 4096 },
    });
    await pushImage(image.layout, `${registry.host}/team/${name}:1`);
    images[name] = image;
  }
  return images;
}

async function prewarm(site: ShoalSite, reference: string, host: string): Promise<void> {
  const result = await site.shoal('prewarm', reference, '--hosts', host, '--wait');
  expect(result, result.stderr).toMatchObject({ code: 0 });
}

async function viewOf(agent: ShoalAgent): Promise<CacheView> {
  const result = await agent.local('cache', 'ls', '--json');
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return JSON.parse(result.stdout) as CacheView;
}

const isHere = (view: CacheView, image: TestImage | undefined): boolean[] =>
  (image?.layers ?? []).map(({ digest }) => view.content.some((blob) => blob.digest === digest));

const ALL = [true, true, true];
const NONE = [false, false, false];

requireTools(['docker-registry', 'skopeo', 'static-busybox'])('a budget for two images and a half', () => {
  let registry: TestRegistry;
  let site: ShoalSite;
  let images: Record<string, TestImage>;
  let agent: ShoalAgent;
  let openJob: string;
  const reference = (name: string): string => `${registry.host}/team/${name}:1`;

  beforeAll(async () => {
    registry = await startRegistry();
    images = await makeImages(registry, ['old', 'open', 'new', 'next', 'more']);
    site = await startSite({ registries: [{ host: registry.host, url: registry.url }] });
    const budgetMb = Math.round(((images.old?.imageBytes ?? 0) * 2.5) / 1e6);
    agent = await site.startAgent({ name: 'web-1', cache: { budget: `${budgetMb} MB` } });
  }, 120_000);

  it('makes the agent let go of the older image before a third comes, and the blobs of an open job stay', async () => {
    await prewarm(site, reference('old'), 'web-1');
    const away = await site.startAgent({ name: 'web-2' });
    await away.service.stop();
    const ordered = await site.shoal('prewarm', reference('open'), '--hosts', 'web-*', '--json');
    openJob = (JSON.parse(ordered.stdout) as { id: string }).id;
    await waitForJob(site, openJob, ({ hosts }) =>
      hosts.some(({ name, state }) => name === 'web-1' && state === 'ready'),
    );
    expect(isHere(await viewOf(agent), images.old)).toEqual(ALL);
    await prewarm(site, reference('new'), 'web-1');
    const view = await viewOf(agent);
    expect([isHere(view, images.open), isHere(view, images.new)]).toEqual([ALL, ALL]);
    expect(isHere(view, images.old)).not.toEqual(ALL);
    await prewarm(site, reference('next'), 'web-1');
    const later = await viewOf(agent);
    expect([isHere(later, images.old), isHere(later, images.open), isHere(later, images.next)]).toEqual([
      NONE,
      ALL,
      ALL,
    ]);
    expect(later.bytes).toBeLessThanOrEqual(later.budgetBytes ?? 0);
    expect(later.overBudgetBytes).toBe(0);
  }, 60_000);

  it('says in the status and to an operator why blobs stay, and refuses to remove them', async () => {
    const [base] = images.open?.layers ?? [];
    const why = (await viewOf(agent)).content.find(({ digest }) => digest === base?.digest)?.stays;
    expect(why).toBe(`job ${openJob} is open`);
    const refused = await agent.local('cache', 'rm', base?.digest ?? '');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`${why}; cancel what needs it first`) });
    expect((await agent.local('status')).stdout).toMatch(/^cache +[\d.]+ MB of [\d.]+ MB in \d+ blobs$/m);
  });

  it('that is too small for what open jobs need is exceeded, which is said, and all images come', async () => {
    const ordered = await site.shoal('prewarm', reference('new'), reference('more'), '--hosts', 'web-*', '--json');
    const { id } = JSON.parse(ordered.stdout) as { id: string };
    await waitForJob(site, id, ({ hosts }) => hosts.some(({ name, state }) => name === 'web-1' && state === 'ready'));
    const view = await viewOf(agent);
    for (const name of ['open', 'new', 'more']) expect(isHere(view, images[name])).toEqual(ALL);
    expect(isHere(view, images.next)).toEqual(NONE);
    expect(view.overBudgetBytes).toBeGreaterThan(0);
    expect(agent.service.output.some((line) => line.includes('"event":"cache over budget"'))).toBe(true);
    expect((await agent.local('status')).stdout).toMatch(/^cache .* too much, all of it needed/m);
    for (const job of [id, openJob]) await site.shoal('job', job, 'cancel');
    await waitFor('the eviction', async () => {
      const { bytes, budgetBytes, overBudgetBytes } = await viewOf(agent);
      return overBudgetBytes === 0 && bytes <= (budgetBytes ?? 0);
    });
  }, 60_000);

  it('a byte that rots is found, its blob dropped, and fetched again by the next job', async () => {
    const [base] = images.more?.layers ?? [];
    if (base === undefined) throw new Error('no layer');
    await prewarm(site, reference('more'), 'web-1');
    expect(await agent.local('cache', 'verify')).toMatchObject({ code: 0 });
    const file = await open(join(blobsOf(agent), `${digestHex(base.digest)}.blob`), 'r+');
    await file.write(Buffer.from([1, 2, 3, 4]), 0, 4, MIB);
    await file.close();
    const found = await agent.local('cache', 'verify');
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(new RegExp(`^${base.digest} +wrong +piece \\d+ is not what its hash says$`, 'm'));
    expect((await viewOf(agent)).content.some(({ digest }) => digest === base.digest)).toBe(false);
    await prewarm(site, reference('more'), 'web-1');
    expect(await agent.local('cache', 'verify', base.digest)).toMatchObject({ code: 0 });
  }, 60_000);

  it('what nobody needs goes at once when an operator says so, and a restart finds nothing', async () => {
    expect(await agent.local('cache', 'rm', '--unused')).toMatchObject({ code: 0 });
    await agent.service.stop();
    agent = await agent.start();
    expect(await viewOf(agent)).toMatchObject({ blobs: 0, bytes: 0, content: [] });
  }, 60_000);
});

requireTools(['root', 'dockerd', 'docker', 'docker-registry', 'skopeo', 'static-busybox'])(
  'an agent that keeps blobs until they are loaded',
  () => {
    it('serves them while its job is open, then has the image in its engine only', async () => {
      const [registry, dockerd] = await Promise.all([startRegistry(), startDockerd()]);
      const { app } = await makeImages(registry, ['app']);
      const reference = `${registry.host}/team/app:1`;
      const site = await startSite({ registries: [{ host: registry.host, url: registry.url }] });
      const agent = await site.startAgent({ name: 'web-1', engine: dockerd.address, cache: { keep: 'untilLoaded' } });
      const away = await site.startAgent({ name: 'web-2' });
      await away.service.stop();
      const ordered = await site.shoal('prewarm', reference, '--json');
      const { id } = JSON.parse(ordered.stdout) as { id: string };
      await waitForJob(site, id, ({ hosts }) => hosts.some(({ state }) => state === 'ready'));
      expect(isHere(await viewOf(agent), app)).toEqual(ALL);
      await away.start(); // the last host of the job
      await waitForJob(site, id, ({ state }) => state === 'done');
      await waitFor('the cache to be empty', async () => (await viewOf(agent)).blobs === 0, 90_000);
      expect(await dockerd.docker('run', '--rm', '--network', 'none', reference)).toBe(`${app?.line}\n`);
    }, 150_000);
  },
);
