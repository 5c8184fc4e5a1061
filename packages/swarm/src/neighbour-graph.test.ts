import { describe, expect, it } from 'vitest';
import { createNeighbourGraph, type NeighbourGraph } from './neighbour-graph.ts';
import { randomFrom } from './random.ts';

const DEGREE = 30;

interface Fleet {
  graph: NeighbourGraph;
  zoneOf: Map<string, string | undefined>;
  seed: number;
}

/** Members join in random order; `zoneOf(index)` says where each stands. */
function fleet(members: number, zoneOf: (index: number) => string | undefined = () => undefined, seed = 3): Fleet {
  const random = randomFrom(seed);
  const graph = createNeighbourGraph({ degree: DEGREE, random });
  const order = Array.from({ length: members }, (_, index) => ({ index, key: random() }));
  const zones = new Map<string, string | undefined>();
  for (const { index } of order.sort((a, b) => a.key - b.key)) {
    zones.set(`p${index}`, zoneOf(index));
    graph.add(`p${index}`, zoneOf(index));
  }
  return { graph, zoneOf: zones, seed };
}

const rack = (size: number) => (index: number) => `rack${Math.floor(index / size)}`;

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function degrees({ graph, zoneOf }: Fleet): { all: number[]; local: number[] } {
  const links = [...zoneOf].map(([id, zone]) => graph.neighboursOf(id).map((other) => zoneOf.get(other) === zone));
  return { all: links.map(({ length }) => length), local: links.map((flags) => flags.filter(Boolean).length) };
}

/** Members reached from the first one. */
function reached({ graph, zoneOf }: Fleet): number {
  const seen = new Set([...zoneOf.keys()].slice(0, 1));
  for (const id of seen) for (const other of graph.neighboursOf(id)) seen.add(other);
  return seen.size;
}

describe('without zones', () => {
  it('everyone knows everyone up to the degree, and about the degree beyond', () => {
    expect(degrees(fleet(31)).all).toEqual(Array(31).fill(30));
    const { all } = degrees(fleet(2000));
    expect(mean(all)).toBeCloseTo(DEGREE, 0);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(DEGREE / 2);
    expect(Math.max(...all)).toBeLessThanOrEqual(2 * DEGREE);
  });

  it('a member that is added again keeps its links', () => {
    const { graph } = fleet(100);
    expect(graph.add('p7')).toEqual(graph.neighboursOf('p7'));
  });

  it('one zone for all is the same as none', () => {
    expect(degrees(fleet(31, () => 'a')).all).toEqual(Array(31).fill(30));
    expect(mean(degrees(fleet(2000, () => 'a')).all)).toBeCloseTo(DEGREE, 0);
  });
});

describe('with zones', () => {
  it.each([
    ['25 zones of 40', 1000, rack(40)],
    ['250 zones of 40', 10_000, rack(40)],
    ['4 zones of 500', 2000, rack(500)],
  ])('about two thirds of the links are local: %s', (_title, members, zoneOf) => {
    const { all, local } = degrees(fleet(members, zoneOf));
    expect(mean(local)).toBeGreaterThan(19);
    expect(mean(local) / mean(all)).toBeGreaterThan(0.58);
    expect(mean(local) / mean(all)).toBeLessThan(0.72);
    expect(mean(all)).toBeLessThan(1.2 * DEGREE);
    expect(Math.max(...all)).toBeLessThanOrEqual(2 * DEGREE);
  });

  it('links are symmetric, and nobody is its own neighbour', () => {
    const { graph, zoneOf } = fleet(400, rack(40));
    for (const id of zoneOf.keys()) {
      expect(new Set(graph.neighboursOf(id)).size).toBe(graph.neighboursOf(id).length);
      for (const other of graph.neighboursOf(id)) expect(graph.neighboursOf(other)).toContain(id);
      expect(graph.neighboursOf(id)).not.toContain(id);
    }
  });

  it.each([
    ['zones of one', rack(1)],
    ['zones of two', rack(2)],
    ['zones of 40', rack(40)],
    ['one zone and a few alone', (index: number) => (index < 5 ? `alone${index}` : 'big')],
    ['half without a zone', (index: number) => (index % 2 === 0 ? undefined : rack(40)(index))],
  ])('all are connected, whoever is where: %s', (_title, zoneOf) => {
    for (let seed = 1; seed <= 10; seed++) expect(reached(fleet(1000, zoneOf, seed))).toBe(1000);
  });

  it('hosts that are alone in their zone have as many links as without zones', () => {
    expect(mean(degrees(fleet(2000, rack(1))).all)).toBeCloseTo(DEGREE, 0);
  });

  it('a swarm of three racks knows all of it, nearly', () => {
    const { all, local } = degrees(fleet(18, rack(6)));
    expect(local).toEqual(Array(18).fill(5));
    expect(Math.min(...all)).toBeGreaterThanOrEqual(14);
  });

  it('a few of another zone are shared by all, and none has more than twice the degree', () => {
    const { all } = degrees(fleet(2000, (index) => (index === 0 ? 'harbor' : 'fleet')));
    expect(Math.max(...all)).toBeLessThanOrEqual(2 * DEGREE);
    expect(mean(all)).toBeGreaterThan(DEGREE - 2);
  });
});

describe('a member that refuses some of its neighbours', () => {
  it('gets as many others, near ones for near ones, and never one that it refuses', () => {
    const { graph, zoneOf } = fleet(400, rack(40));
    const near = (id: string) => zoneOf.get(id) === zoneOf.get('p7');
    const before = graph.neighboursOf('p7');
    const refused = [...before.filter(near).slice(0, 3), ...before.filter((id) => !near(id)).slice(0, 2)];
    const added = graph.replace('p7', [...refused, 'p399', 'stranger']);
    expect([added.length, added.filter(near).length]).toEqual([5, 3]);
    expect(added.filter((id) => refused.includes(id) || before.includes(id) || id === 'p7')).toEqual([]);
    expect(new Set(graph.neighboursOf('p7'))).toEqual(
      new Set([...before.filter((id) => !refused.includes(id)), ...added]),
    );
    for (const id of refused) expect(graph.neighboursOf(id)).not.toContain('p7');
    for (const id of added) expect(graph.neighboursOf(id)).toContain('p7');
  });

  it('gets others from elsewhere when its zone has no more', () => {
    const { graph, zoneOf } = fleet(200, (index) => (index < 5 ? 'small' : 'big'));
    const near = graph.neighboursOf('p1').filter((id) => zoneOf.get(id) === 'small');
    const added = graph.replace('p1', near);
    expect(near.length).toBeGreaterThan(0);
    expect(added.length).toBe(near.length);
    expect(added.every((id) => zoneOf.get(id) === 'big')).toBe(true);
  });

  it('gets nobody when it knows all, and nothing when it is no member', () => {
    const { graph } = fleet(5, () => undefined);
    expect(graph.replace('p1', ['p2'])).toEqual([]);
    expect(graph.neighboursOf('p1')).not.toContain('p2');
    expect(graph.replace('stranger', ['p2'])).toEqual([]);
  });
});

describe('a member that leaves', () => {
  it('is forgotten, and makes room', () => {
    const { graph, zoneOf } = fleet(200, rack(40));
    const before = graph.neighboursOf('p9');
    expect(graph.remove('p9')).toEqual(before);
    expect(graph.remove('p9')).toEqual([]);
    for (const id of zoneOf.keys()) expect(graph.neighboursOf(id)).not.toContain('p9');
    expect(graph.size).toBe(199);
    expect(graph.add('p9', 'rack0').length).toBeGreaterThanOrEqual(15);
  });

  it('leaves nobody cut off when those who lost it are mended', () => {
    const swarm = fleet(1000, rack(40));
    const random = randomFrom(8);
    for (const id of [...swarm.zoneOf.keys()]) {
      if (random() > 0.9) continue;
      swarm.zoneOf.delete(id);
      for (const left of swarm.graph.remove(id)) swarm.graph.mend(left);
    }
    expect(swarm.graph.size).toBe(swarm.zoneOf.size);
    expect(reached(swarm)).toBe(swarm.zoneOf.size);
    const { all, local } = degrees(swarm);
    expect(all.every((count, member) => count > (local[member] ?? 0))).toBe(true);
  });

  it('needs no mending while one way out of the zone is left', () => {
    const { graph } = fleet(400, rack(40));
    expect(graph.mend('p7')).toEqual([]);
    expect(graph.mend('stranger')).toEqual([]);
    expect(fleet(40, () => 'a').graph.mend('p7')).toEqual([]);
  });
});
