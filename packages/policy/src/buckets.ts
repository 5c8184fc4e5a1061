/**
 * The limiter of an agent: a byte needs tokens from the bucket of every rule that counts it. Who is served first, of
 * classes and within one, is decided by the schedulers that take from it.
 */
import type { BucketRule, Remote } from './bucket-rules.ts';
import type { Direction, TrafficClass } from './policy.ts';
import { createTokenBucket, type TokenBucket } from './token-bucket.ts';

export interface Traffic {
  class: TrafficClass;
  direction: Direction;
  remote: Remote;
}

export interface Limiter {
  /** Rules that stay keep their tokens and their debt; new ones start empty. */
  setRules(rules: readonly BucketRule[], nowMs: number): void;
  /** Bytes that may go now; at most 0 when none may, `Infinity` when no rule counts them. */
  available(traffic: Traffic, nowMs: number): number;
  /**
   * Takes from every rule's bucket. Who takes no more than was available keeps every rule exactly; who takes a whole
   * block where there was at least one token leaves a debt that is paid before the next one.
   */
  take(traffic: Traffic & { bytes: number }, nowMs: number): void;
}

/** What a bucket saves up: never catching up after a pause. */
export const BURST_MS = 10;

interface Bucket extends BucketRule {
  tokens: TokenBucket;
}

export function createLimiter(rules: readonly BucketRule[], nowMs: number): Limiter {
  let buckets: Bucket[] = [];
  /** By traffic, until the rules change: asked for with every block. */
  const counted = new Map<string, Bucket[]>();

  const bucketsOf = (traffic: Traffic): Bucket[] => {
    const key = `${traffic.class} ${traffic.direction} ${traffic.remote}`;
    let found = counted.get(key);
    if (found === undefined) {
      found = buckets.filter((bucket) => counts(bucket, traffic));
      counted.set(key, found);
    }
    return found;
  };

  const setRules: Limiter['setRules'] = (next, now) => {
    const known = new Map(buckets.map((bucket) => [keyOf(bucket), bucket.tokens]));
    buckets = next.map((rule) => {
      const tokens = known.get(keyOf(rule)) ?? createTokenBucket(rule.bytesPerSecond, now, { burstMs: BURST_MS });
      if (tokens.bytesPerSecond !== rule.bytesPerSecond) tokens.setRate(rule.bytesPerSecond, now);
      return { ...rule, tokens };
    });
    counted.clear();
  };

  setRules(rules, nowMs);
  return {
    setRules,
    available(traffic, now) {
      let least = Number.POSITIVE_INFINITY;
      for (const { tokens } of bucketsOf(traffic)) least = Math.min(least, tokens.available(now));
      return least;
    },
    take(traffic, now) {
      for (const { tokens } of bucketsOf(traffic)) tokens.take(traffic.bytes, now);
    },
  };
}

function counts(bucket: BucketRule, { class: name, direction, remote }: Traffic): boolean {
  return bucket.direction === direction && bucket.classes.includes(name) && bucket.remotes.includes(remote);
}

function keyOf({ direction, key }: BucketRule): string {
  return `${direction} ${key}`;
}
