/** An agent that is killed while a real engine pulls through it, and what the engine makes of that. */
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { startDockerd } from '../support/dockerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { type ShoalSite, startSite } from '../support/shoal.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

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
      await underWay(agent.dataDir);
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
      await underWay(agent.dataDir);
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

    /** Some of the base layer has come. */
    async function underWay(dataDir: string): Promise<void> {
      const blobs = join(dataDir, 'data', 'blobs');
      await waitFor('a third of the base layer', async () => {
        for (const file of await readdir(blobs).catch(() => [])) {
          const { blocks } = await stat(join(blobs, file));
          if (file.endsWith('.blob') && blocks * 512 > 14 * MiB) return true;
        }
        return false;
      });
    }
  },
  240_000,
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
