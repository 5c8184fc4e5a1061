/** An agent that is killed while a real engine pulls through it, and what the engine makes of that. */
import { beforeAll, expect, it } from 'vitest';
import { startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { freePort } from '../support/port.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { layerIsComing, type ShoalSite, startSite } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';

const MiB = 1024 * 1024;
const HARBOR = 'harbor.example.com';

requireTools(['root', 'docker-registry', 'skopeo', 'dockerd', 'docker', 'static-busybox'])(
  'an agent that dies in the middle of a pull',
  () => {
    let registry: TestRegistry;
    let image: TestImage;
    let site: ShoalSite;

    beforeAll(async () => {
      registry = await startRegistry();
      image = await makeImage({ baseBytes: 40 * MiB, middleBytes: MiB });
      await pushImage(image.layout, `${registry.host}/team/app:1`);
      site = await startSite({ registries: [{ host: HARBOR, url: registry.url }] });
    }, 60_000);

    it('and comes back: the engine goes on where it was, and the registry is read once', async () => {
      const { agent, dockerd, name } = await pullingHost('back');
      const pulled = dockerd.docker('pull', '--quiet', name);
      await layerIsComing(agent, 14 * MiB);
      await agent.service.kill();
      const again = await agent.start();
      await pulled;
      expect((await dockerd.docker('run', '--rm', '--network', 'none', name)).trim()).toBe(image.line);
      const [base] = image.layers;
      const gets = registry
        .accessLog()
        .filter(({ method, path }) => method === 'GET' && path.includes(base?.digest ?? '-'));
      expect(gets.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(base?.sizeBytes);
      await again.service.stop();
      await dockerd.stop();
    });

    it('and stays away: the pull fails, and the next one works', async () => {
      const { agent, dockerd, name } = await pullingHost('away');
      const pulled = dockerd.docker('pull', '--quiet', name).then(
        () => 'pulled',
        (error: Error) => error.message,
      );
      await layerIsComing(agent, 14 * MiB);
      await agent.service.kill();
      expect(await pulled).toMatch(/connection refused|EOF|reset/);
      const again = await agent.start();
      await dockerd.docker('pull', '--quiet', name);
      expect((await dockerd.docker('run', '--rm', '--network', 'none', name)).trim()).toBe(image.line);
      await again.service.stop();
      await dockerd.stop();
    });

    async function pullingHost(name: string) {
      const port = await freePort();
      const proxy = { port, registries: [{ host: HARBOR, url: registry.url }] };
      const [agent, dockerd] = await Promise.all([site.startAgent({ name, cap: '12 MB/s', proxy }), startDockerd()]);
      return { agent, dockerd, name: `127.0.0.1:${port}/${HARBOR}/team/app:1` };
    }
  },
  240_000,
);
