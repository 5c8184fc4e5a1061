import { describe, expect, it } from 'vitest';
import { PieceSet } from './piece-set.ts';
import { randomFrom } from './random.ts';
import { Swarm } from './swarm.ts';
import { draw, World } from './world.testkit.ts';

const MiB = 1024 * 1024;
const RATE = 60_000_000;
const boundMs = (size: number, hosts: number): number =>
  (size * 1000) / RATE + ((Math.ceil(Math.log2(hosts + 1)) - 1) * MiB * 1000) / RATE;

describe('a swarm from one simultaneous start', () => {
  it.each([5, 12])('brings a blob to %i hosts near the bound, and the seeder sends about one copy', (hosts) => {
    const size = 64 * MiB + 12_345;
    const world = new World({ hosts, size, pieceLength: MiB / 4, bytesPerSecond: RATE });
    const tookMs = world.run(60_000);
    expect(draw(world)).toEqual(Array.from({ length: hosts }, () => '#'.repeat(257)));
    expect(world.seeder.sentBytes / size).toBeLessThan(1.15);
    expect(tookMs / boundMs(size, hosts)).toBeLessThan(1.2);
  });

  it('wastes at most 2 % on blocks that come twice', () => {
    const size = 64 * MiB;
    const world = new World({ hosts: 6, size, pieceLength: MiB / 4, bytesPerSecond: RATE });
    world.run(60_000);
    for (const host of world.agents) expect(host.receivedBytes / size).toBeLessThan(1.02);
  });

  it('spreads while the seeder is still reading the origin', () => {
    const size = 32 * MiB;
    const world = new World({
      hosts: 4,
      size,
      pieceLength: MiB / 4,
      bytesPerSecond: RATE,
      originBytesPerSecond: RATE / 4,
    });
    world.runUntil(() => world.agents.every((host) => host.swarm.held.count >= 10), 60_000);
    expect(world.seeder.swarm.held.complete).toBe(false);
    world.run(60_000);
    expect(world.seeder.sentBytes / size).toBeLessThan(1.15);
  });

  it('brings a blob of one piece to everyone', () => {
    const world = new World({ hosts: 8, size: 1000, pieceLength: MiB / 4, bytesPerSecond: RATE });
    world.run(10_000);
    expect(draw(world)).toEqual(Array.from({ length: 8 }, () => '#'));
  });

  it('is the same run for the same seed', () => {
    const run = (): string[] => {
      const world = new World({ hosts: 4, size: 8 * MiB, pieceLength: MiB / 4, bytesPerSecond: RATE, seed: 42 });
      world.run(10_000);
      return world.trace;
    };
    expect(run()).toEqual(run());
  });
});

describe('a swarm with faults', () => {
  const options = { hosts: 5, size: 32 * MiB, pieceLength: MiB / 4, bytesPerSecond: RATE };

  it('finishes when a host dies in the middle', () => {
    const world = new World(options);
    world.runUntil(() => world.agents.some((host) => host.swarm.held.count > 40), 60_000);
    world.kill('h0');
    world.run(60_000);
    expect(draw(world).slice(1)).toEqual(Array.from({ length: 4 }, () => '#'.repeat(128)));
  });

  it('finishes without the seeder once one copy is out', () => {
    const world = new World(options);
    world.runUntil(() => world.agents.some((host) => host.swarm.held.complete), 60_000);
    world.kill('seeder');
    world.run(60_000);
    expect(world.agents.every((host) => host.swarm.held.complete)).toBe(true);
  });

  it('goes on around a host that never answers', () => {
    const world = new World({ ...options, silent: 'h1' });
    world.run(60_000);
    expect(world.agents.every((host) => host.swarm.held.complete)).toBe(true);
  });

  it('throws away what a corrupting host sends, and stops asking it', () => {
    const world = new World({ ...options, corrupt: 'h2' });
    world.run(60_000);
    expect(world.agents.every((host) => host.swarm.held.complete)).toBe(true);
    expect((world.hosts.get('h2')?.sentBytes ?? 0) / options.size).toBeLessThan(0.6);
  });
});

it('a link that comes up after the last piece is closed: nothing will ever be asked there', () => {
  const held = new PieceSet(1);
  const swarm = new Swarm({ size: 1000, pieceLength: MiB, role: 'agent', held, random: randomFrom(1) });
  swarm.handle({ type: 'hashesKnown', count: 1 }, 0);
  const link = { peer: 'p', blockBytes: 16_384, remoteIsSeeder: false, choked: false };
  const dialled = { ...link, canRequest: true, canServe: false };
  expect(swarm.handle({ ...{ type: 'connected', link: 1 }, ...dialled }, 0)).toEqual([]);
  held.add(0);
  const whole = swarm.handle({ type: 'pieceVerified', piece: 0, ok: true }, 1);
  expect(whole).toContainEqual({ type: 'close', link: 1, reason: 'complete' });
  expect(swarm.handle({ ...{ type: 'connected', link: 2 }, ...dialled }, 2)).toEqual([
    { type: 'close', link: 2, reason: 'complete' },
  ]);
  const accepted = swarm.handle({ ...{ type: 'connected', link: 3 }, ...link, canRequest: false, canServe: true }, 3);
  expect(accepted.map(({ type }) => type)).toEqual(['announceSet']);
});
