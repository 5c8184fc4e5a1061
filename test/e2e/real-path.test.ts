/**
 * The real path: Debian's registry, three Docker Engines, a tracker with its seeder and three
 * agents, all as processes. Steps build on each other, as an operator's days do.
 */
import type { JobView } from '@shoal/tracker/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, makeVariant, type TestImage } from '../support/image.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { type ShoalAgent, type ShoalSite, startSite, waitForJob } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const HOSTS = ['web-1', 'web-2', 'web-3'];
const CAP = '40 MB/s';
const MIB = 1024 * 1024;

requireTools(['root', 'dockerd', 'docker', 'docker-registry', 'skopeo', 'static-busybox'])('the real path', () => {
  let registry: TestRegistry;
  let engines: Dockerd[];
  let site: ShoalSite;
  let agents: ShoalAgent[];
  let imageA: TestImage;
  let imageB: TestImage;
  let refA: string;
  let refB: string;

  beforeAll(async () => {
    [registry, imageA, ...engines] = await Promise.all([
      startRegistry(),
      makeImage(),
      startDockerd(),
      startDockerd(),
      startDockerd(),
    ]);
    imageB = await makeVariant(imageA);
    refA = `${registry.host}/team/a:1`;
    refB = `${registry.host}/team/b:1`;
    await pushImage(imageA.layout, refA);
    await pushImage(imageB.layout, refB);
    site = await startSite({ registries: [{ host: registry.host, url: registry.url }], cap: CAP });
    agents = await Promise.all(
      HOSTS.map((name, index) => site.startAgent({ name, engine: engines[index]?.address ?? '', cap: CAP })),
    );
  });

  const prewarm = async (reference: string): Promise<JobView> => {
    const result = await site.shoal('prewarm', reference, '--wait', '--json');
    expect(result, result.stderr).toMatchObject({ code: 0 });
    return JSON.parse(result.stdout) as JobView;
  };

  describe('a new image', () => {
    let job: JobView;

    it('comes onto every engine', async () => {
      job = await prewarm(refA);
      expect(job.state).toBe('done');
      expect(job.hosts.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(
        HOSTS.map((name) => `${name} ready`),
      );
    });

    it('has the registry config digest as its ID, and the full reference as its tag', async () => {
      for (const engine of engines) {
        const [shown] = JSON.parse(await engine.docker('image', 'inspect', refA)) as [
          { Id: string; RepoTags: string[] },
        ];
        expect(shown).toMatchObject({ Id: imageA.config.digest, RepoTags: [refA] });
      }
    });

    it('runs', async () => {
      for (const engine of engines)
        expect(await engine.docker('run', '--rm', '--network', 'none', refA)).toBe(`${imageA.line}\n`);
    });

    it('was read once from the registry, and sent about once by the seeder', async () => {
      await readOnce([...imageA.layers.map(({ digest }) => digest), imageA.config.digest]);
      expect(job.originBytes / imageA.imageBytes).toBeLessThan(1.05);
      const seeder = (await site.hosts()).find(({ role }) => role === 'seeder');
      expect((seeder?.traffic.sentBytes ?? 0) / imageA.imageBytes).toBeLessThan(1.5);
    });
  });

  describe('an image that shares its base', () => {
    let job: JobView;
    const changed = (): number => imageB.layers.at(-1)?.sizeBytes ?? 0;

    it('moves only the changed layer between hosts', async () => {
      job = await prewarm(refB);
      for (const { images } of job.hosts) {
        expect(images[0]?.wantedBytes).toBe(changed());
        expect(images[0]?.peerBytes).toBe(changed());
      }
    });

    it('moves only the changed layer into the engine', async () => {
      for (const { images } of job.hosts) {
        expect(images[0]?.archiveBytes).toBeGreaterThan(changed());
        expect(images[0]?.archiveBytes).toBeLessThan(changed() + 64 * 1024);
      }
      for (const engine of engines)
        expect(await engine.docker('run', '--rm', '--network', 'none', refB)).toBe(`${imageB.line}\n`);
    });

    it('was read once: the changed layer for B, the shared ones only for A', async () => {
      await readOnce([...imageA.layers, ...imageB.layers].map(({ digest }) => digest));
    });
  });

  it('finds an image that is there already, and moves nothing', async () => {
    const job = await prewarm(refA);
    for (const { images } of job.hosts)
      expect(images[0]).toMatchObject({ state: 'ready', wantedBytes: 0, peerBytes: 0, archiveBytes: 0 });
  });

  it('leaves nothing to do for a docker pull of the same tag', async () => {
    for (const engine of engines) expect(await engine.docker('pull', refA)).toContain('Image is up to date');
  });

  describe('an agent that is killed in the middle', () => {
    let imageC: TestImage;
    let refC: string;
    let job: JobView;

    beforeAll(async () => {
      imageC = await makeImage({ baseBytes: 96 * MIB, line: 'image C of the shoal tests' });
      refC = `${registry.host}/team/c:1`;
      await pushImage(imageC.layout, refC);
    });

    it('resumes what it had and finishes', async () => {
      job = JSON.parse((await site.shoal('prewarm', refC, '--json')).stdout) as JobView;
      await waitForJob(site, job.id, (view) => haveOf(view, 'web-3') > 0.3);
      await agents[2]?.service.kill();
      await waitForJob(site, job.id, (view) => view.hosts.find(({ name }) => name === 'web-3')?.online === false);
      agents[2] = (await agents[2]?.start()) as ShoalAgent;
      job = await waitForJob(site, job.id, (view) => view.state !== 'running');
      expect(job.state).toBe('done');
    });

    it('received only the rest: both parts together are the image', async () => {
      const report = job.hosts.find(({ name }) => name === 'web-3')?.images[0];
      const { wantedBytes = 0, resumedBytes = 0, peerBytes = 0 } = report ?? {};
      expect(resumedBytes / wantedBytes).toBeGreaterThan(0.2);
      expect((resumedBytes + peerBytes) / wantedBytes).toBeGreaterThanOrEqual(1);
      expect((resumedBytes + peerBytes) / wantedBytes).toBeLessThan(1.05);
      expect(await engines[2]?.docker('run', '--rm', '--network', 'none', refC)).toBe(`${imageC.line}\n`);
    });

    it('did not make anyone read the registry again', async () => {
      await readOnce(imageC.layers.map(({ digest }) => digest));
    });
  });

  /** The access log has one GET a blob; a line appears a moment after its answer. */
  async function readOnce(digests: string[]): Promise<void> {
    const reads = (digest: string): number =>
      registry.accessLog().filter(({ method, path }) => method === 'GET' && path.endsWith(`/blobs/${digest}`)).length;
    await waitFor('the access log', () => digests.every((digest) => reads(digest) > 0));
    for (const digest of digests) expect(reads(digest), `reads of ${digest}`).toBe(1);
  }
});

function haveOf(job: JobView, host: string): number {
  const report = job.hosts.find(({ name }) => name === host)?.images[0];
  return report === undefined || report.wantedBytes === 0 ? 0 : report.haveBytes / report.wantedBytes;
}
