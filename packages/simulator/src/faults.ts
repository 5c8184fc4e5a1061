/** What goes wrong in a world, and when it heals. */
import type { SimHost } from './host.ts';
import type { Fault } from './options.ts';
import type { World } from './world.ts';

export function plan(world: World, faults: readonly Fault[]): void {
  for (const fault of faults) world.time.at(fault.atMs, () => strike(world, fault));
}

function strike(world: World, fault: Fault): void {
  switch (fault.kind) {
    case 'kill':
      for (const host of someOf(world, fault.share)) world.kill(host);
      return;
    case 'pause': {
      const hosts = someOf(world, fault.share);
      for (const host of hosts) host.paused = true;
      return world.time.after(fault.forMs, () => {
        for (const host of hosts) world.resume(host);
      });
    }
    case 'cut':
      return cutSome(world, fault.share);
    case 'partition':
      return split(world, fault.forMs);
    case 'trackerRestart':
      world.tracker.away = true;
      return world.time.after(fault.forMs, () => comeBack(world));
    case 'seederRestart':
      world.kill(world.seeder);
      return world.time.after(fault.forMs, () => world.revive(world.seeder));
  }
}

function someOf(world: World, share: number): SimHost[] {
  return world.agents.filter((host) => host.alive && !host.poison && world.random() < share);
}

function cutSome(world: World, share: number): void {
  for (const host of world.hosts)
    for (const wire of [...host.wires.values()]) if (wire.from === host && world.random() < share) world.cut(wire);
}

function split(world: World, forMs: number): void {
  const side = new Set(world.hosts.filter(() => world.random() < 0.5));
  world.reachable = (a, b) => side.has(a) === side.has(b);
  for (const host of world.hosts)
    for (const wire of [...host.wires.values()]) if (!world.reachable(wire.from, wire.to)) world.cut(wire);
  world.time.after(forMs, () => {
    world.reachable = () => true;
  });
}

/** Everybody's session is new: agents come back within two seconds. */
function comeBack(world: World): void {
  world.tracker.away = false;
  world.tracker.restart();
  for (const host of world.hosts.filter(({ joined }) => joined))
    world.time.after(world.random() * 2000, () => world.join(host));
}
