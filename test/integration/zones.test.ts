/** Two zones of real agents, a seeder beside the registry and a tracker: leases are asked, granted and refused. */
import { pieceCount, pieceLengthFor, Swarm } from '@shoal/swarm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { blobOf } from '../../packages/agent/src/store/store.testkit.ts';
import { until } from '../../packages/agent/src/wait.testkit.ts';
import { finished, site } from '../support/site.ts';

const MIB = 1024 * 1024;
const ZONES = { a1: 'a', a2: 'a', a3: 'a', b1: 'b', b2: 'b', b3: 'b' };

interface Answers {
  /** The hosts that were granted a piece. */
  holders: Map<number, Set<Swarm>>;
  refused: number;
}

/** Every host asks for all pieces at its first link to another zone; what the tracker answers. */
function askAtOnce(pieces: number[]): Answers {
  const answers: Answers = { holders: new Map(pieces.map((piece) => [piece, new Set()])), refused: 0 };
  const handle = Swarm.prototype.handle;
  const spy = vi.spyOn(Swarm.prototype, 'handle').mockImplementation(function (this: Swarm, event, now) {
    const effects = handle.call(this, event, now);
    if (event.type === 'leases') {
      for (const piece of event.granted) answers.holders.get(piece)?.add(this);
      answers.refused += event.refused.length;
    }
    return event.type === 'connected' && event.remote ? [...effects, { type: 'askLeases', pieces }] : effects;
  });
  onTestFinished(() => spy.mockRestore());
  return answers;
}

describe('zones', () => {
  it('have one host each that holds the lease of a piece', async () => {
    const layer = blobOf(16 * MIB, { mark: 'zones' });
    const { client, origin, join } = await site([layer]);
    const pieces = Array.from({ length: pieceCount(layer.size, pieceLengthFor(layer.size)) }, (_, piece) => piece);
    const answers = askAtOnce(pieces);
    await join('seeder', 's');
    for (const [name, zone] of Object.entries(ZONES)) await join('agent', name, { labels: { zone } });
    await until('the hosts', async () => (await client.hosts()).filter(({ online }) => online).length === 7);
    const job = await client.createJob({ images: ['registry.test/team/app:1'] });
    expect(await finished(client, job.id)).toMatchObject({ state: 'done' });
    expect([...answers.holders.values()].map(({ size }) => size)).toEqual(pieces.map(() => 2));
    expect(answers.refused).toBeGreaterThan(0);
    expect(origin.sentBytes).toBe(layer.size);
  });
});
