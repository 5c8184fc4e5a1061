/**
 * A push to a real registry, told by its own notifications, comes onto the engines that a rule names, and on no other.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { tempDir } from '../support/cleanup.ts';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { freePort } from '../support/port.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { type ShoalSite, startSite, waitForJob } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MIB = 1024 * 1024;
const SECRET = 'Bearer told-by-the-registry';

requireTools(['root', 'dockerd', 'docker', 'docker-registry', 'skopeo', 'static-busybox'])('a push', () => {
  let registry: TestRegistry;
  let engines: Dockerd[];
  let site: ShoalSite;
  let image: TestImage;

  beforeAll(async () => {
    const tls = selfSignedCertificate();
    const caFile = join(await tempDir('push'), 'ca.pem');
    await writeFile(caFile, tls.cert);
    const port = await freePort();
    const url = `https://127.0.0.1:${port}/hooks/registry`;
    [registry, image, ...engines] = await Promise.all([
      startRegistry({ notified: { url, authorization: SECRET, caFile } }),
      makeImage({ baseBytes: 8 * MIB, middleBytes: MIB }),
      ...[startDockerd(), startDockerd(), startDockerd()],
    ]);
    site = await startSite({
      ...{ port, tls, registries: [{ host: registry.host, url: registry.url }] },
      tracker: {
        hooks: { secret: SECRET },
        'on-push': { match: 'win/*:ltsc*', prewarm: { hosts: ['web-*'] } },
      },
    });
    await Promise.all(
      ['web-1', 'web-2', 'db-1'].map((name, at) => site.startAgent({ name, engine: engines[at]?.address ?? '' })),
    );
  });

  const has = (engine: Dockerd | undefined, reference: string) =>
    engine?.docker('image', 'inspect', reference).then(
      (shown) => (JSON.parse(shown) as [{ Id: string }])[0].Id,
      () => undefined,
    );

  describe('of a tag that a rule is for', () => {
    it('is on the two engines of the rule and not on the third', async () => {
      const reference = `${registry.host}/win/app:ltsc2022`;
      await pushImage(image.layout, reference);
      const job = await waitFor('the order', async () => (await site.client.jobs())[0], 60_000);
      expect(await waitForJob(site, job.id, ({ state }) => state !== 'running')).toMatchObject({ state: 'done' });
      const { digest } = image.config;
      expect(await Promise.all(engines.map((engine) => has(engine, reference)))).toEqual([digest, digest, undefined]);
      expect(await site.client.hooks()).toMatchObject([{ reference, state: 'ordered', jobId: job.id }]);
    });

    it('is not ordered again when it is pushed again', async () => {
      const events = () => site.client.hooks().then(([hook]) => hook?.updatedAt);
      const before = await events();
      await pushImage(image.layout, `${registry.host}/win/app:ltsc2022`);
      await pushImage(image.layout, `${registry.host}/win/other:ltsc2022`); // told after it
      await waitFor('the order of the other', async () => (await site.client.jobs()).length === 2, 60_000);
      const hook = (await site.client.hooks()).find(({ reference }) => reference.includes('/win/app:'));
      expect(hook?.updatedAt).toBe(before);
    });
  });

  it('of a tag that no rule is for leads to nothing', async () => {
    const count = (await site.client.jobs()).length;
    await pushImage(image.layout, `${registry.host}/linux/app:1`);
    await pushImage(image.layout, `${registry.host}/win/last:ltsc1`);
    await waitFor('the order after it', async () => (await site.client.jobs()).length === count + 1, 60_000);
    expect((await site.client.hooks()).filter(({ reference }) => reference.includes('/linux/'))).toEqual([]);
  });
});
