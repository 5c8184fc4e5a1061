/**
 * A token bucket that may go into debt: a taker that finds at least one token takes its whole block,
 * and the next one waits until the debt is paid. So a cap smaller than one block still works, and the
 * long-run rate is exact. Decides nothing about who is served; that is the caller's queue.
 */

export interface TokenBucket {
  /** Tokens (bytes) there are at `nowMs`; negative while in debt, `Infinity` when there is no cap. */
  available(nowMs: number): number;
  take(bytes: number, nowMs: number): void;
  /** `Infinity` lifts the cap; 0 freezes. */
  setRate(bytesPerSecond: number, nowMs: number): void;
  readonly bytesPerSecond: number;
}

export interface TokenBucketOptions {
  /** What it may save up, in ms of its rate. The default keeps 100 ms windows within 1.2 times the cap. */
  burstMs?: number;
}

export function createTokenBucket(
  bytesPerSecond: number,
  nowMs: number,
  { burstMs = 20 }: TokenBucketOptions = {},
): TokenBucket {
  let rate = bytesPerSecond;
  let tokens = 0;
  let updatedMs = nowMs;

  const refill = (now: number): void => {
    const elapsedMs = Math.max(0, now - updatedMs);
    updatedMs = Math.max(updatedMs, now);
    tokens = Math.min((rate * burstMs) / 1000, tokens + (rate * elapsedMs) / 1000);
  };

  return {
    get bytesPerSecond() {
      return rate;
    },
    available(now) {
      if (rate === Number.POSITIVE_INFINITY) return rate;
      refill(now);
      return tokens;
    },
    take(bytes, now) {
      if (rate === Number.POSITIVE_INFINITY) return;
      refill(now);
      tokens -= bytes;
    },
    setRate(next, now) {
      if (rate !== Number.POSITIVE_INFINITY) refill(now);
      else tokens = 0;
      rate = next;
      updatedMs = now;
    },
  };
}
