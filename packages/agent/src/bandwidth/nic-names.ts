/** The operator's names against those there are: who is missing is said once, the others are measured. */

import type { Logger } from 'pino';

/** Call with each new look; an interface that is missing again later is not told again. */
export function createMissingNames(logger: Logger): (missing: readonly string[], there: readonly string[]) => void {
  const told = new Set<string>();
  return (missing, there) => {
    const fresh = missing.filter((name) => !told.has(name));
    if (fresh.length === 0) return;
    for (const name of fresh) told.add(name);
    logger.warn(
      { event: 'nic missing', missing: fresh, there },
      `no network interface is called ${fresh.join(', ')}; there are ${there.join(', ') || 'none'}`,
    );
  };
}
