/** Keeps the database from growing for ever: a round of removals now and then, with pauses between its steps. */
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import type { Retention } from './store/retention.ts';

export interface HistoryDeps {
  retention: Retention;
  keepMs: number;
  isRunning(digest: string): boolean;
  clock: Clock;
  log: Logger;
}

/** Late enough that all agents are back after a start. */
const FIRST_MS = 10 * 60_000;
const EVERY_MS = 6 * 3_600_000;
/** Between two steps others are answered. */
const PAUSE_MS = 10;

/** Returns how to end it. */
export function keepHistory({ retention, keepMs, isRunning, clock, log }: HistoryDeps): () => void {
  let cancel = clock.after(FIRST_MS, begin);
  function begin(): void {
    const nowMs = clock.now();
    go(retention.round({ nowMs, beforeMs: nowMs - keepMs, isRunning }));
  }
  function go(round: ReturnType<Retention['round']>): void {
    try {
      const { done, value: removed } = round.next();
      if (!done) {
        cancel = clock.after(PAUSE_MS, () => go(round));
        return;
      }
      if (Object.values(removed).some((count) => count > 0)) log.info(removed, 'what is long over was removed');
    } catch (error) {
      log.error({ err: error }, 'what is long over cannot be removed: free space in dataDir');
    }
    cancel = clock.after(EVERY_MS, begin);
  }
  return () => cancel();
}
