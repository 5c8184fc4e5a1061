import { LEASE_MS } from '@shoal/swarm';
import { describe, expect, it } from 'vitest';
import type { Neighbour } from '../client/index.ts';
import { createManualClock } from '../clock.testkit.ts';
import { createMemorySource, imageIn, layerDigest } from '../memory-source.testkit.ts';
import { startTracker, type TestAgent } from '../tracker.testkit.ts';
import { isRemote, zonesBy } from './zones.ts';

const BLOB = layerDigest('base');
const PIECES = 4;

/** Hosts as `name:zone`, joined one after the other; without a zone just `name`. */
async function fleet(hosts: string[], options: Parameters<typeof startTracker>[0] = {}) {
  const source = createMemorySource();
  source.tag('team/app:1', imageIn(source, { layers: [{ name: 'base', size: 1_000_000 }] }));
  const kit = await startTracker({ source, ...options });
  const label = options.zoneLabel ?? 'zone';
  const connect = (host: string, privateKey?: TestAgent['privateKey']) => {
    const [name = '', zone] = host.split(':');
    return kit.agent(name, { labels: zone === undefined ? {} : { [label]: zone }, privateKey });
  };
  const agents: TestAgent[] = [];
  for (const host of hosts) agents.push(await connect(host));
  const { id: jobId } = await kit.client.createJob({ images: ['registry.test/team/app:1'] });
  const first: Neighbour[][] = [];
  let swarm = '';
  for (const agent of agents) {
    await agent.next('job');
    const joined = await agent.join(BLOB, jobId);
    first.push(joined.neighbours);
    swarm = joined.swarm;
  }
  const ask = async (agent: TestAgent | undefined, pieces: number[]) => {
    agent?.send({ type: 'lease', swarm, pieces, shown: [] });
    const { type, swarm: answered, ...answer } = (await agent?.next('leased')) ?? {};
    expect(answered).toBe(swarm);
    return answer;
  };
  return { ...{ kit, agents, jobId, swarm, first, connect }, ask };
}

const remoteOf = (neighbours: Neighbour[] = []) =>
  Object.fromEntries(neighbours.map(({ name, remote }) => [name, remote ?? false]));

describe('the zone of a host', () => {
  it('is the value of one label, if it has any', () => {
    const zoneOf = zonesBy('rack');
    expect(zoneOf({ labels: { rack: '7', zone: 'a' } })).toBe('7');
    expect(zoneOf({ labels: { zone: 'a' } })).toBeUndefined();
    expect(zoneOf({ labels: { rack: '' } })).toBeUndefined();
    expect(zonesBy('constructor')({ labels: {} })).toBeUndefined();
  });

  it.each([
    ['a', 'a', false],
    ['a', 'b', true],
    [undefined, 'b', true],
    ['a', undefined, false],
    [undefined, undefined, false],
  ])('%s is remote to %s: %s', (zone, receiver, remote) => {
    expect(isRemote(zone, receiver)).toBe(remote);
  });
});

describe('neighbours', () => {
  it('of another zone are remote, for the newcomer and for those who were there', async () => {
    const { agents, first } = await fleet(['a1:a', 'a2:a', 'b1:b', 'plain']);
    expect(first.map(remoteOf)).toEqual([
      {},
      { a1: false },
      { a1: true, a2: true },
      { a1: false, a2: false, b1: false },
    ]);
    const [a1] = agents;
    const pushed = [await a1?.next('neighbours'), await a1?.next('neighbours'), await a1?.next('neighbours')];
    expect(remoteOf(pushed.flatMap((message) => message?.neighbours ?? []))).toEqual({
      a2: false,
      b1: true,
      plain: true,
    });
  });

  it('are told by the label the tracker goes by', async () => {
    const { first } = await fleet(['a1:1', 'b1:2'], { zoneLabel: 'rack' });
    expect(first.map(remoteOf)).toEqual([{}, { a1: true }]);
  });

  it('change when a host comes back in another zone', async () => {
    const { agents, jobId, connect, ask } = await fleet(['a1:a', 'b1:b']);
    const [a1, b1] = agents;
    await ask(a1, [0]);
    const moved = await connect('a1:b', a1?.privateKey);
    await moved.next('job');
    expect(remoteOf((await moved.join(BLOB, jobId)).neighbours)).toEqual({ b1: false });
    expect(remoteOf((await b1?.next('neighbours'))?.neighbours)).toEqual({ a1: false });
    expect(await ask(moved, [0])).toEqual({ granted: [0], refused: [] });
    expect(await ask(b1, [0])).toEqual({ granted: [], refused: [0] });
  });
});

describe('leases', () => {
  it('of a piece go to one host of each zone; a host without a zone needs none', async () => {
    const { agents, ask } = await fleet(['a1:a', 'a2:a', 'b1:b', 'plain']);
    const [a1, a2, b1, plain] = agents;
    expect(await ask(a1, [0, 1])).toEqual({ granted: [0, 1], refused: [] });
    expect(await ask(a2, [1, 2])).toEqual({ granted: [2], refused: [1] });
    expect(await ask(b1, [0, 1, 2])).toEqual({ granted: [0, 1, 2], refused: [] });
    expect(await ask(plain, [0, 1])).toEqual({ granted: [0, 1], refused: [] });
    expect(await ask(a1, [])).toEqual({ granted: [], refused: [] });
  });

  it('that are not renewed go to another host', async () => {
    const clock = createManualClock();
    const { agents, ask } = await fleet(['a1:a', 'a2:a'], { clock });
    const [a1, a2] = agents;
    await ask(a1, [0]);
    clock.advance(1);
    await ask(a1, [0, 1]);
    clock.advance(LEASE_MS - 1);
    expect(await ask(a2, [0, 1])).toEqual({ granted: [], refused: [0, 1] });
    clock.advance(1);
    expect(await ask(a2, [0, 1])).toEqual({ granted: [0, 1], refused: [] });
  });

  it('are free again when their holder leaves the swarm or is gone', async () => {
    const { agents, swarm, ask } = await fleet(['a1:a', 'a2:a', 'a3:a']);
    const [a1, a2, a3] = agents;
    await ask(a1, [0]);
    await ask(a2, [1]);
    a1?.send({ type: 'leave', swarm });
    await a1?.settled();
    expect(await ask(a3, [0, 1])).toEqual({ granted: [0], refused: [1] });
    await a2?.close();
    await expect.poll(() => ask(a3, [1])).toEqual({ granted: [1], refused: [] });
  });

  it('are for members: who is none gets no answer', async () => {
    const { kit, swarm } = await fleet(['a1:a']);
    const stranger = await kit.agent('stranger');
    stranger.send({ type: 'lease', swarm, pieces: [0], shown: [] });
    stranger.send({ type: 'lease', swarm: '0'.repeat(40), pieces: [0], shown: [] });
    await stranger.settled();
    expect(stranger.inbox.filter(({ type }) => type === 'leased')).toEqual([]);
  });

  it.each([
    ['a piece that there is not', [0, PIECES]],
    ['too many at once', Array.from({ length: 1025 }, () => 0)],
    ['half a piece', [0.5]],
  ])('end the session of an agent that asks for %s', async (_title, pieces) => {
    const { agents, swarm } = await fleet(['a1:a']);
    agents[0]?.send({ type: 'lease', swarm, pieces, shown: [] });
    expect(await agents[0]?.state('disconnected')).toMatchObject({ code: 'BAD_MESSAGE' });
  });
});
