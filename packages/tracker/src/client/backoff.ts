/**
 * How long to wait before the next attempt. Pure.
 */

export interface BackoffLimits {
  firstMs: number;
  maxMs: number;
}

/**
 * Doubles with each failed attempt (0, 1, 2 …) up to the limit, between half and all of it at random,
 * so that a fleet that lost its tracker does not come back in one instant.
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: () => number): number {
  const fullMs = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(fullMs * (0.5 + random() / 2));
}
