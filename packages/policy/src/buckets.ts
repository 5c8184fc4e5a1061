/**
 * The limiter of an agent: a byte needs tokens from the bucket of every rule that counts it, and higher classes go
 * first. While a class waits for tokens, what it could take from a bucket at once is reserved: all of it, or as much as
 * its other buckets, its own smaller limit say, would let through. Lower classes get what is left. So a pull takes over
 * from a pre-warm at once: it waits for the block under way and for no other. Decides nothing about which request is
 * served within a class.
 */
import type { BucketRule, Remote } from './bucket-rules.ts';
import { CLASSES, type Direction, type TrafficClass } from './policy.ts';
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
  /** To be called while something waits for tokens, at each look at the queue: holds for `WANT_MS`. */
  want(traffic: Traffic, nowMs: number): void;
}

/** What a bucket saves up: never catching up after a pause. */
export const BURST_MS = 10;
/** A few looks of a scheduler that ticks at 5 ms; one that forgets to want no more blocks nobody for longer. */
export const WANT_MS = 50;

interface Bucket extends BucketRule {
  tokens: TokenBucket;
}

interface Wish extends Traffic {
  untilMs: number;
}

export function createLimiter(rules: readonly BucketRule[], nowMs: number): Limiter {
  let buckets: Bucket[] = [];
  const wishes = new Map<string, Wish>();

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

  /** What the higher classes that wait could take from the bucket at once, for all that their other buckets hold. */
  const reservedIn = (bucket: Bucket, traffic: Traffic, now: number): number => {
    const byClass = new Map<TrafficClass, number>();
    for (const wish of wishes.values()) {
      if (wish.untilMs <= now || rank(wish.class) >= rank(traffic.class) || !counts(bucket, wish)) continue;
      const others = bucketsOf(wish).filter((other) => other !== bucket);
      const could = Math.min(Number.POSITIVE_INFINITY, ...others.map(({ tokens }) => tokens.available(now)));
      byClass.set(wish.class, Math.max(could, byClass.get(wish.class) ?? 0));
    }
    return [...byClass.values()].reduce((sum, could) => sum + could, 0);
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
      for (const bucket of bucketsOf(traffic)) {
        const tokens = bucket.tokens.available(now);
        // No cap has enough for all.
        const isOurs = wishes.size === 0 || tokens <= 0 || tokens === Number.POSITIVE_INFINITY;
        least = Math.min(least, isOurs ? tokens : Math.max(0, tokens - reservedIn(bucket, traffic, now)));
      }
      return least;
    },
    take(traffic, now) {
      for (const { tokens } of bucketsOf(traffic)) tokens.take(traffic.bytes, now);
    },
    want(traffic, now) {
      const { class: name, direction, remote } = traffic;
      wishes.set(`${name} ${direction} ${remote}`, { class: name, direction, remote, untilMs: now + WANT_MS });
    },
  };
}

function counts(bucket: BucketRule, { class: name, direction, remote }: Traffic): boolean {
  return bucket.direction === direction && bucket.classes.includes(name) && bucket.remotes.includes(remote);
}

function keyOf({ direction, key }: BucketRule): string {
  return `${direction} ${key}`;
}

/** 0 goes first. */
function rank(name: TrafficClass): number {
  return CLASSES.indexOf(name);
}
