/** Several seeders read one cold blob together; the registry gives each byte once. */
import { describe, expect, it } from 'vitest';
import { blobOf } from '../../packages/agent/src/store/store.testkit.ts';
import { createGate, until } from '../../packages/agent/src/wait.testkit.ts';
import { finished, site } from '../support/site.ts';

const MIB = 1024 * 1024;
/** Stretches of 16 MiB: six of them. */
const SIZE = 90 * MIB + 1;
/** Fast enough for a test, slow enough that no seeder is through before the others are asked. */
const limits = { uploadBytesPerSecond: 200e6, downloadBytesPerSecond: 60e6 };

/** Offsets at which the registry was asked for the blob. */
const offsets = (reads: readonly string[]): number[] => reads.map((read) => Number(read.split('@')[1]));

async function fleet(mark: string, { size = SIZE, ...options }: Parameters<typeof site>[1] & { size?: number } = {}) {
  const layer = blobOf(size, { mark });
  const kit = await site([layer], { chunkBytes: MIB, ...options });
  const seeders = await Promise.all(['s1', 's2', 's3'].map((name) => kit.join('seeder', name, { limits })));
  const agents = await Promise.all(['a', 'b', 'c'].map((name) => kit.join('agent', name, { limits })));
  await until('the hosts', async () => (await kit.client.hosts()).filter(({ online }) => online).length === 6);
  const job = await kit.client.createJob({ images: ['registry.test/team/app:1'] });
  return { ...kit, seeders, agents, layer, job };
}

describe('seeders that share a blob', () => {
  it('read it by stretches, no byte twice, and it is whole on every host', async () => {
    const { client, origin, seeders, layer, job } = await fleet('shared');
    expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
    expect(origin.sentBytes).toBe(layer.size);
    expect(offsets(origin.reads).sort((a, b) => a - b)).toEqual([0, 16, 32, 48, 64, 80].map((at) => at * MIB));
    const read = seeders.map((seeder) => seeder.status().traffic.originBytes);
    expect(Math.min(...read)).toBeGreaterThan(0);
    expect(Math.max(...read)).toBeLessThan(0.7 * layer.size);
  });

  it.each([0, 1, 2])('go on when one of them is lost (%i): all is read, and little of it twice', async (index) => {
    const lost = createGate();
    const { client, origin, seeders, layer, job } = await fleet(`lost ${index}`, {
      beforeChunk: (position) => void (position >= 40 * MIB && lost.open()),
    });
    await lost.opened;
    await seeders[index]?.stop();
    expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
    expect(origin.sentBytes / layer.size).toBeLessThan(1.2);
  });

  it('go on when the tracker is lost: they share what they have read, and who leads reads the rest', async () => {
    const lost = createGate();
    const size = 160 * MIB;
    const { client, origin, agents, layer, job, restart } = await fleet('no tracker', {
      ...{ size, beforeChunk: (position) => void (position >= 20 * MIB && lost.open()) },
    });
    await lost.opened;
    const isWhole = (): boolean =>
      agents.every((agent) =>
        agent.status().blobs.some((blob) => blob.size === size && blob.heldPieces === blob.pieces),
      );
    await restart(() => until('all hosts to be whole', isWhole, 30_000));
    expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
    expect(origin.sentBytes / layer.size).toBeLessThan(1.2);
  });
});
