/**
 * Who knows whom in one swarm: a symmetric random graph of bounded degree, kept by the tracker.
 * A newcomer is linked to members that still have room; when none has, to random ones, so that
 * nobody stands alone. Decides nothing about zones yet.
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
      const roomy = others.filter((other) => (links.get(other)?.size ?? 0) < options.degree);
      links.set(peerId, new Set());
      for (const other of sample(roomy.length > 0 ? roomy : others, options)) link(peerId, other);
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

/** At most `degree` of them, by a partial Fisher–Yates shuffle. */
function sample(peerIds: string[], { degree, random }: NeighbourGraphOptions): string[] {
  const pool = [...peerIds];
  const wanted = Math.min(degree, pool.length);
  for (let index = 0; index < wanted; index++) {
    const other = index + Math.floor(random() * (pool.length - index));
    [pool[index], pool[other]] = [pool[other] as string, pool[index] as string];
  }
  return pool.slice(0, wanted);
}
