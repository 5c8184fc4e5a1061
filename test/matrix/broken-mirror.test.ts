/**
 * An agent that is killed, or whose disk fills up, while containerd or podman pulls through it as a mirror. Each of them
 * has its own idea of what follows when a body breaks off.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tempDir } from '../support/cleanup.ts';
import { startContainerd } from '../support/containerd.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { blobsOf } from '../support/operator.ts';
import { startPodman } from '../support/podman.ts';
import { freePort } from '../support/port.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { layerIsComing, type ShoalAgent, type ShoalSite, startSite } from '../support/shoal.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { requireTools } from '../support/tools.ts';

const MiB = 1024 * 1024;
/** Nobody answers to it but the agent, unless a test says where the registry is. */
const HARBOR = 'harbor.example.com';
const NAME = `${HARBOR}/team/app:1`;
const NOWHERE = '127.0.0.1:9';
/** Docker would go on; these programs, in the versions of Debian 12, give up when the body has begun. */
const CUT = /unexpected EOF|connection refused/;

/** A program that has the agent as the registry's mirror. */
interface Puller {
  pull(): Promise<unknown>;
  /** What it says of the image: its manifest's digest is in it. */
  described(): Promise<string>;
  forget(): Promise<unknown>;
}

interface Places {
  /** `host:port` of the agent's proxy. */
  mirror: string;
  /** `host:port` where the registry itself is looked for. */
  registry: string;
}

async function containerd({ mirror, registry }: Places): Promise<Puller> {
  const certs = join(await tempDir('certs'), 'certs.d');
  await mkdir(join(certs, HARBOR), { recursive: true });
  const host = `[host."http://${mirror}"]\n  capabilities = ["pull", "resolve"]\n`;
  await writeFile(join(certs, HARBOR, 'hosts.toml'), `server = "http://${registry}"\n${host}`);
  const { ctr } = await startContainerd();
  return {
    pull: () => ctr('images', 'pull', '--snapshotter', 'native', '--hosts-dir', certs, NAME),
    described: () => ctr('images', 'list', `name==${NAME}`),
    forget: () => ctr('images', 'remove', '--sync', NAME),
  };
}

async function podman({ mirror, registry }: Places): Promise<Puller> {
  const conf = join(await tempDir('conf'), 'registries.conf');
  const place = `[[registry]]\nprefix = "${HARBOR}"\nlocation = "${registry}"\ninsecure = true\n`;
  await writeFile(conf, `${place}[[registry.mirror]]\nlocation = "${mirror}/${HARBOR}"\ninsecure = true\n`);
  const say = await startPodman({ env: { CONTAINERS_REGISTRIES_CONF: conf } });
  return {
    pull: () => say(['pull', '--quiet', NAME]),
    described: () => say(['image', 'inspect', '--format', '{{.Digest}}', NAME]),
    forget: () => say(['image', 'rm', '--force', NAME]),
  };
}

requireTools(['root', 'docker-registry', 'skopeo', 'containerd', 'ctr', 'podman', 'static-busybox'])(
  'an agent that fails in the middle of a pull',
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

    /** The engine pulls, and a third of the base layer has come to the agent's disk. */
    async function halfWay(
      start: (places: Places) => Promise<Puller>,
      where: { registry: string; prepare?(agent: ShoalAgent): Promise<void> },
    ) {
      const port = await freePort();
      const proxy = { port, registries: [{ host: HARBOR, url: registry.url }] };
      const agent = await site.startAgent({ name: `${start.name}-${port}`, cap: '12 MB/s', proxy });
      await where.prepare?.(agent);
      const puller = await start({ registry: where.registry, mirror: `127.0.0.1:${port}` });
      const from = registry.accessLog().length;
      const outcome = puller.pull().then(
        () => 'pulled',
        (error: Error) => error.message,
      );
      await layerIsComing(agent, 14 * MiB);
      return { agent, puller, outcome, readBytes: () => baseBytesRead(from) };
    }

    /** What the registry gave of the base layer since. */
    function baseBytesRead(from: number): number {
      const digest = image.layers[0]?.digest ?? '-';
      const lines = registry.accessLog().slice(from);
      const gets = lines.filter(({ method, path }) => method === 'GET' && path.includes(digest));
      return gets.reduce((sum, { bytes }) => sum + bytes, 0);
    }

    it.each([containerd, podman])(
      'dies and comes back: %o has failed, with nobody else to ask; its next pull works, and the registry is read once',
      async (start) => {
        const { agent, puller, outcome, readBytes } = await halfWay(start, { registry: NOWHERE });
        await agent.service.kill();
        expect(await outcome).toMatch(CUT);
        const again = await agent.start();
        await puller.pull();
        expect(await puller.described()).toContain(image.manifest.digest);
        expect(readBytes()).toBeLessThanOrEqual(image.layers[0]?.sizeBytes ?? 0);
        await again.service.stop();
      },
    );

    it('dies and stays away: containerd goes on at the registry where it was', async () => {
      const { agent, puller, outcome, readBytes } = await halfWay(containerd, { registry: registry.host });
      await agent.service.kill();
      expect(await outcome).toBe('pulled');
      expect(await puller.described()).toContain(image.manifest.digest);
      // Read once already for the swarm, or not at all: the seeder may have the layer from an earlier test.
      expect(readBytes() % (image.layers[0]?.sizeBytes ?? 1)).toBeGreaterThan(0);
    });

    it('dies and stays away: podman fails or goes on, and the next pull is the registry’s', async () => {
      const { agent, puller, outcome } = await halfWay(podman, { registry: registry.host });
      await agent.service.kill();
      expect(await outcome).toMatch(/^pulled$|unexpected EOF/);
      await puller.pull();
      expect(await puller.described()).toContain(image.manifest.digest);
    });

    it('has a full disk: podman, which goes on after no cut, has one whole body', async () => {
      let disk: SmallDisk | undefined;
      const { agent, puller, outcome, readBytes } = await halfWay(podman, {
        registry: NOWHERE,
        async prepare(started) {
          disk = await mountSmallDisk(blobsOf(started), 128);
        },
      });
      const before = readBytes();
      await disk?.fill();
      expect(await outcome).toBe('pulled');
      expect(await puller.described()).toContain(image.manifest.digest);
      expect(readBytes()).toBeGreaterThan(before); // the rest came from the registry
      expect(agent.service.output.join('\n')).toContain('blob broken off');
      await disk?.empty();
      await puller.forget();
      await puller.pull();
      expect(await puller.described()).toContain(image.manifest.digest);
      await agent.service.stop();
    });
  },
  240_000,
);
