/** Max-min fairness: nobody gets more than demanded, and nobody who gets less than demanded gets less than another. */

/** What each may have at most so that all together have no more than there is; `Infinity` when it is enough for all. */
export function waterLevel(demands: readonly number[], there: number): number {
  const sorted = [...demands].sort((a, b) => a - b);
  let left = there;
  for (const [index, demand] of sorted.entries()) {
    const equal = left / (sorted.length - index);
    if (demand > equal) return equal;
    left -= demand;
  }
  return Number.POSITIVE_INFINITY;
}
