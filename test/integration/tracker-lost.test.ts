/** A pre-warm that loses its tracker half way: the hosts finish through the swarm, and a real registry is read once. */
import { beforeAll, expect, it } from 'vitest';
import type { Agent } from '../../packages/agent/src/agent.ts';
import { createTrackerClient } from '../../packages/tracker/src/client/index.ts';
import { cleanUpAfter } from '../support/cleanup.ts';
import { makeImage } from '../support/image.ts';
import { blobGets, HARBOR, isUnderWay, startFleet } from '../support/real-fleet.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MiB = 1024 * 1024;
/** Slow enough that most hashes are not made yet when the tracker goes. */
const RATES = { bytesPerSecond: 12 * MiB, originBytesPerSecond: 5 * MiB };

requireTools(['docker-registry', 'skopeo', 'static-busybox'])(
  'a job that loses its tracker half way',
  () => {
    let registry: TestRegistry;

    beforeAll(async () => {
      registry = await startRegistry();
    }, 60_000);

    it('is finished by its hosts without it, and is done when the tracker is back', async () => {
      const image = await makeImage({ baseBytes: 20 * MiB, middleBytes: 4 * MiB });
      await pushImage(image.layout, `${registry.host}/team/app:1`);
      const { tracker, hosts, startTracker } = await startFleet(registry, 5, RATES);
      const client = createTrackerClient({ url: tracker.url, token: tracker.createToken('admin', 'test') });
      cleanUpAfter(() => client.close());
      const from = registry.accessLog().length;
      const copies = (): number => {
        const gets = blobGets(registry.accessLog().slice(from));
        return gets.reduce((sum, { bytes }) => sum + bytes, 0) / image.imageBytes;
      };
      const { id } = await client.createJob({ images: [`${HARBOR}/team/app:1`] });
      await waitFor('the job to be under way', async () => hosts.some(isUnderWay));
      await tracker.stop();
      expect(copies()).toBeLessThan(0.7);
      const digests = image.layers.map(({ digest }) => digest as string);
      await waitFor('all hosts to be whole', async () => hosts.every((host) => holds(host, digests)));
      expect(hosts.map((host) => host.status().tracker.state)).toEqual(hosts.map(() => 'disconnected'));
      expect(copies()).toBeLessThan(1.1);
      await startTracker();
      await waitFor('the job to be done', async () => (await client.job(id)).state === 'done');
      expect(copies()).toBeLessThan(1.1);
    });
  },
  120_000,
);

function holds(host: Agent, digests: readonly string[]): boolean {
  const { blobs } = host.status();
  return digests.every((digest) =>
    blobs.some((blob) => blob.digest === digest && blob.pieces === blob.heldPieces && blob.pieces > 0),
  );
}
