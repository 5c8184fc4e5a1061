/** A pull whose tracker and seeder are lost half way, under a policy that caps what is read of the registry. */
import { createTrackerClient } from '@shoal/tracker/client';
import { beforeAll, expect, it } from 'vitest';
import type { Agent } from '../../packages/agent/src/agent.ts';
import { cleanUpAfter } from '../support/cleanup.ts';
import { makeImage } from '../support/image.ts';
import { pull, pullingFleet } from '../support/pulling-fleet.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const MiB = 1024 * 1024;
/** The tenth of it that one host may use without a tracker is far from what its own cap allows. */
const POLICY = `version: 1
rules:
  - name: harbor
    match: { host: host-0 }
    limit: { per: origin, egress: 4 MB/s }
`;

requireTools(['docker-registry', 'skopeo', 'static-busybox'])(
  'hosts that lose tracker and seeder half way',
  () => {
    let registry: TestRegistry;

    beforeAll(async () => {
      registry = await startRegistry();
    }, 60_000);

    it('read on within their offline part of the registry’s cap: who has one is last, though it lacks less', async () => {
      const { tracker, seeder, hosts } = await pullingFleet(registry, 2, { bytesPerSecond: 12 * MiB });
      const [capped, free] = hosts as [Agent, Agent];
      const sizes = { less: 16 * MiB, more: 40 * MiB };
      for (const [tag, baseBytes] of Object.entries(sizes)) {
        const { layout } = await makeImage({ baseBytes, middleBytes: MiB + baseBytes / 64 });
        await pushImage(layout, `${registry.host}/team/app:${tag}`);
      }
      const client = createTrackerClient({ url: tracker.url, token: tracker.createToken('admin', 'test') });
      cleanUpAfter(() => client.close());
      await client.applyPolicy(POLICY);
      const partOf = (host: Agent) => host.status().limits.shared.find(({ rule }) => rule === 'harbor')?.part ?? 0;
      await waitFor('the part of host-0', () => partOf(capped) > 0);

      const order: string[] = [];
      const pulls = [
        pull(free, 'team/app:more').then(() => order.push('free')),
        waitFor('the larger one', () => heldBytes(free) > 4 * MiB)
          .then(() => pull(capped, 'team/app:less'))
          .then(() => order.push('capped')),
      ];
      await waitFor('the smaller one', () => heldBytes(capped) > 3 * MiB);
      await Promise.all([tracker.stop(), seeder.stop()]);
      expect(sizes.less - heldBytes(capped)).toBeLessThan(sizes.more - heldBytes(free));
      await Promise.all(pulls);
      expect(order).toEqual(['free', 'capped']);
      expect(partOf(capped)).toBeCloseTo(0.1);
    });
  },
  240_000,
);

/** Of the largest blob. */
function heldBytes(host: Agent): number {
  return Math.max(0, ...host.status().blobs.map(({ size, pieces, heldPieces }) => (size * heldPieces) / pieces));
}
