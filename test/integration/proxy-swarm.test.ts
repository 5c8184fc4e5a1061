/** Hosts pull through their proxies: a real registry is read once, whatever fails on the way the pull ends well. */
import { beforeAll, expect, it } from 'vitest';
import type { Agent } from '../../packages/agent/src/agent.ts';
import { type Fleet, pull, pullingFleet } from '../support/pulling-fleet.ts';
import { blobGets, isUnderWay } from '../support/real-fleet.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MiB = 1024 * 1024;

requireTools(['docker-registry', 'skopeo', 'static-busybox'])(
  'hosts that pull',
  () => {
    let registry: TestRegistry;

    beforeAll(async () => {
      registry = await startRegistry();
    }, 60_000);

    it('read the registry once, all of them, without a job', async () => {
      const { image, hosts } = await pullingFleet(registry, 4);
      const from = registry.accessLog().length;
      const digests = await Promise.all(hosts.map((host) => pull(host)));
      expect(new Set(digests)).toEqual(new Set([image.manifest.digest]));
      const gets = blobGets(registry.accessLog().slice(from));
      const once = image.layers.map(({ digest }) => [digest, gets.filter((line) => line.path.includes(digest)).length]);
      expect(once).toEqual(image.layers.map(({ digest }) => [digest, 1]));
      expect(hosts.every(({ status }) => (status().proxy?.sentBytes.swarm ?? 0) > 20 * MiB)).toBe(true);
    });

    it('are served by those who have it, without any seeder', async () => {
      const { hosts, seeder } = await pullingFleet(registry, 2);
      const [first, second] = hosts as [Agent, Agent];
      await pull(first);
      await seeder.stop();
      const from = registry.accessLog().length;
      await pull(second);
      expect(blobGets(registry.accessLog().slice(from))).toEqual([]);
    });

    it('finish through the swarm when they lose the tracker half way', async () => {
      // The hashes of the other two thirds are not made yet.
      const all = await pullingFleet(registry, 6, { bytesPerSecond: 12 * MiB, originBytesPerSecond: 4 * MiB });
      const from = registry.accessLog().length;
      const pulls = Promise.all(all.hosts.map((host) => pull(host)));
      await waitFor('a pull to be under way', async () => all.hosts.some(isUnderWay));
      await all.tracker.stop();
      expect(new Set(await pulls)).toEqual(new Set([all.image.manifest.digest]));
      // Layers that skopeo asks for later have no swarm: the tracker lets nobody in any more.
      const [base] = all.image.layers;
      const gets = blobGets(registry.accessLog().slice(from)).filter(({ path }) => path.includes(base?.digest ?? '-'));
      const sentBytes = gets.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(sentBytes / (base?.sizeBytes ?? 0)).toBeLessThan(1.1);
    });

    it.each([
      ['the seeder', async ({ seeder }: Fleet) => seeder.stop()],
      ['everybody', async ({ tracker, seeder }: Fleet) => void (await Promise.all([tracker.stop(), seeder.stop()]))],
    ])('end well when they lose %s half way', async (_title, lose) => {
      const all = await pullingFleet(registry, 2, { bytesPerSecond: 12 * MiB });
      const pulls = Promise.all(all.hosts.map((host) => pull(host)));
      await waitFor('a pull to be under way', async () => all.hosts.some(isUnderWay));
      await lose(all);
      expect(new Set(await pulls)).toEqual(new Set([all.image.manifest.digest]));
    });
  },
  180_000,
);
