/**
 * Which seeder reads a blob from the origin. Pure.
 */

export interface SeederCandidate {
  peerId: string;
  /** Holds the whole blob already: the origin need not be read at all. */
  holds: boolean;
  /** Blobs it seeds now. */
  load: number;
}

/**
 * Whoever holds the blob, else who has the least to do, equals at random.
 * One that just failed is taken only when there is no other.
 */
export function chooseSeeder(
  candidates: readonly SeederCandidate[],
  options: { random: () => number; failedPeerId?: string },
): string | undefined {
  const others = candidates.filter(({ peerId }) => peerId !== options.failedPeerId);
  const pool = others.length > 0 ? others : candidates;
  const holders = pool.filter(({ holds }) => holds);
  const able = holders.length > 0 ? holders : pool;
  const least = Math.min(...able.map(({ load }) => load));
  const best = able.filter(({ load }) => load === least);
  return best[Math.floor(options.random() * best.length)]?.peerId;
}
