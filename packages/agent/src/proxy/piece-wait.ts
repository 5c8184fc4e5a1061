/** How long a client that reads in order waits for a piece of the swarm before its registry is asked. Pure. */

/** A piece may have to come twice, from a peer that fails and from another, and not all of the cap is its own. */
const TIMES = 2.5;
/** Under a cap that lets nothing through the registry would not help either, but a swarm that stands still is found out. */
const MOST_MS = 10 * 60_000;

export interface PieceUnderCap {
  pieceBytes: number;
  /** The download rate in force for pulls; `Infinity` without a cap. */
  bytesPerSecond: number;
  /** Blobs that share it now. */
  pulls: number;
}

/** Milliseconds: `leastMs`, or what the cap makes of it. */
export function pieceWaitMs({ pieceBytes, bytesPerSecond, pulls }: PieceUnderCap, leastMs: number): number {
  const pieceMs = (1000 * pieceBytes * Math.max(1, pulls)) / bytesPerSecond;
  return Math.round(Math.max(leastMs, Math.min(MOST_MS, TIMES * pieceMs)));
}
