/**
 * Who knows whom in one swarm: a symmetric random graph of bounded degree, kept by the tracker.
 * In a small swarm everyone knows everyone; later a newcomer picks half the degree at random and
 * is picked for the other half. Decides nothing about zones.
 */

export interface NeighbourGraph {
  /** Adds a member; returns the members it is linked to now. Adding twice returns the same links. */
  add(peerId: string): string[];
  /** Removes a member; returns the members that lost a neighbour. */
  remove(peerId: string): string[];
  neighboursOf(peerId: string): string[];
  readonly size: number;
}

export interface NeighbourGraphOptions {
  /** Links a member on average; none has more than twice as many. */
  degree: number;
  random: () => number;
}

export function createNeighbourGraph(options: NeighbourGraphOptions): NeighbourGraph {
  const links = new Map<string, Set<string>>();

  const link = (a: string, b: string): void => {
    links.get(a)?.add(b);
    links.get(b)?.add(a);
  };

  return {
    get size() {
      return links.size;
    },
    add(peerId) {
      const existing = links.get(peerId);
      if (existing !== undefined) return [...existing];
      const others = [...links.keys()];
      const roomy = others.filter((other) => (links.get(other)?.size ?? 0) < 2 * options.degree);
      const wanted = others.length <= options.degree ? others.length : Math.ceil(options.degree / 2);
      links.set(peerId, new Set());
      for (const other of sample(roomy, wanted, options.random)) link(peerId, other);
      return [...(links.get(peerId) ?? [])];
    },
    remove(peerId) {
      const lost = [...(links.get(peerId) ?? [])];
      links.delete(peerId);
      for (const other of lost) links.get(other)?.delete(peerId);
      return lost;
    },
    neighboursOf(peerId) {
      return [...(links.get(peerId) ?? [])];
    },
  };
}

/** At most `wanted` of them, by a partial Fisher–Yates shuffle. */
function sample(peerIds: string[], wanted: number, random: () => number): string[] {
  const pool = [...peerIds];
  const count = Math.min(wanted, pool.length);
  for (let index = 0; index < count; index++) {
    const other = index + Math.floor(random() * (pool.length - index));
    [pool[index], pool[other]] = [pool[other] as string, pool[index] as string];
  }
  return pool.slice(0, count);
}
