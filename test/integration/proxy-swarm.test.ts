/** Hosts pull through their proxies: a real registry is read once, whatever fails on the way the pull ends well. */
import { beforeAll, expect, it } from 'vitest';
import type { Agent } from '../../packages/agent/src/agent.ts';
import { type Fleet, pull, pullingFleet } from '../support/pulling-fleet.ts';
import { type AccessLine, startRegistry, type TestRegistry } from '../support/registry.ts';
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

    it.each([
      ['the tracker', async ({ tracker }: Fleet) => tracker.stop()],
      ['the seeder', async ({ seeder }: Fleet) => seeder.stop()],
      ['everybody', async ({ tracker, seeder }: Fleet) => void (await Promise.all([tracker.stop(), seeder.stop()]))],
    ])('end well when they lose %s half way', async (_title, lose) => {
      const all = await pullingFleet(registry, 2, { bytesPerSecond: 12 * MiB });
      const pulls = Promise.all(all.hosts.map((host) => pull(host)));
      await waitFor('a pull to be under way', async () =>
        all.hosts.some((host) =>
          host.status().blobs.some(({ pieces, heldPieces }) => pieces > 8 && heldPieces > pieces / 3),
        ),
      );
      await lose(all);
      expect(new Set(await pulls)).toEqual(new Set([all.image.manifest.digest]));
    });
  },
  180_000,
);

function blobGets(lines: readonly AccessLine[]): AccessLine[] {
  return lines.filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'));
}
