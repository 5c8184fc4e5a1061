/**
 * Which seeders read a blob from the origin. Pure.
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

/** More would read faster than one rack takes it in. */
const MOST_HELPERS = 3;

/** Who reads the blob together with its lead: who has the least to do. */
export function chooseHelpers(
  candidates: readonly SeederCandidate[],
  { leadId, failedPeerId }: { leadId: string; failedPeerId?: string },
): string[] {
  return candidates
    .filter(({ peerId }) => peerId !== leadId && peerId !== failedPeerId)
    .sort((a, b) => a.load - b.load)
    .slice(0, MOST_HELPERS)
    .map(({ peerId }) => peerId);
}
