/** Two zones of real agents, a seeder beside the registry and a tracker: pieces enter a zone under leases. */
import { pieceCount, pieceLengthFor, Swarm, type SwarmEvent } from '@shoal/swarm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { blobOf } from '../../packages/agent/src/store/store.testkit.ts';
import { until } from '../../packages/agent/src/wait.testkit.ts';
import { finished, site } from '../support/site.ts';

const MIB = 1024 * 1024;
const ZONES = { a1: 'a', a2: 'a', a3: 'a', b1: 'b', b2: 'b', b3: 'b' };

type Leases = Extract<SwarmEvent, { type: 'leases' }>;

/** The answers of the tracker, as the agents of this process hear them. */
function overhearLeases(): Leases[] {
  const answers: Leases[] = [];
  const handle = Swarm.prototype.handle;
  const spy = vi.spyOn(Swarm.prototype, 'handle').mockImplementation(function (this: Swarm, event, now) {
    if (event.type === 'leases') answers.push(event);
    return handle.call(this, event, now);
  });
  onTestFinished(() => spy.mockRestore());
  return answers;
}

describe('zones', () => {
  it('take a blob in about once each, a piece through the host that has its lease', async () => {
    const layer = blobOf(16 * MIB, { mark: 'zones' });
    const { client, origin, join } = await site([layer]);
    const answers = overhearLeases();
    await join('seeder', 's');
    for (const [name, zone] of Object.entries(ZONES)) await join('agent', name, { labels: { zone } });
    await until('the hosts', async () => (await client.hosts()).filter(({ online }) => online).length === 7);
    const job = await client.createJob({ images: ['registry.test/team/app:1'] });
    const { state, hosts } = await finished(client, job.id);
    expect(state).toBe('done');
    expect(origin.sentBytes).toBe(layer.size);

    const pieces = Array.from({ length: pieceCount(layer.size, pieceLengthFor(layer.size)) }, (_, piece) => piece);
    const granted = new Set(answers.flatMap((answer) => answer.granted));
    expect(pieces.filter((piece) => !granted.has(piece))).toEqual([]);
    expect(answers.some(({ refused }) => refused.length > 0)).toBe(true);
    const ingress = { a: 0, b: 0 };
    for (const host of hosts) {
      const zone = ZONES[host.name as keyof typeof ZONES] as 'a' | 'b';
      for (const { name, bytes } of host.images.flatMap(({ feeders }) => feeders)) {
        if (ZONES[name as keyof typeof ZONES] !== zone) ingress[zone] += bytes;
      }
    }
    expect(Math.max(ingress.a, ingress.b) / layer.size).toBeLessThan(1.2);
    const remoteBytes = async () =>
      (await client.hosts()).reduce((sum, { traffic }) => sum + traffic.remoteBytes, 0) / layer.size;
    await expect.poll(remoteBytes, { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
    expect(await remoteBytes()).toBeLessThan(2.4);
  });
});
