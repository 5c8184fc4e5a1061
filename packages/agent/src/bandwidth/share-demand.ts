/** Which part of a shared cap a host asks for next, by what it used of the part it had. Pure. */

export interface ShareUse {
  /** Of the whole cap, as a rate since the last ask. */
  used: number;
  /** Of the whole cap, what it might have used. */
  part: number;
  /** What it asked for last, its offline part included. */
  before: number;
  /** Something waited for this very cap. */
  waited: boolean;
  /** Nothing was used or waited for before the last ask either. */
  wasIdle: boolean;
}

/** What a host asks for that begins to want something. */
export const START_DEMAND = 0.25;
const FULL = 0.8;
const ROOM = 1.5;

export function nextDemand({ used, part, before, waited, wasIdle }: ShareUse): number {
  if (used > 0 && used > FULL * part) return Math.min(1, Math.max(START_DEMAND, 2 * before));
  // Once is a pause between two blocks.
  if (used === 0 && !waited) return wasIdle ? 0 : before / 2;
  // Down by halves at most: blocks come in lumps.
  const least = waited ? START_DEMAND : 0;
  return Math.min(1, Math.max(least, before / 2, ROOM * used));
}
