/**
 * Gives way to business traffic on the same link, one governor a direction. Business is what the network card moved and
 * we did not; the grant is what is left of the link beside it and beside what is to stay free. Down at once, up slowly.
 * Reads no counter itself, and does not know rules.
 */

export interface GovernorOptions {
  linkBytesPerSecond: number;
  /** Of the link, above 0 and below 1. */
  keepFree: number;
  /** A sample at least every third part of this keeps the promise. */
  reactWithinMs: number;
}

/** Counters since any moment, of one direction. */
export interface GovernorSample {
  /** Monotonic. */
  nowMs: number;
  /** Of the network card. */
  nicBytes: number;
  /** What we moved, as payload. */
  ownBytes: number;
}

export interface Governor {
  /** The grant from now on, bytes a second. */
  sample(sample: GovernorSample): number;
  readonly grantBytesPerSecond: number;
}

/** What a full frame of Ethernet carries for its payload: headers are ours, not business. */
const FRAME_PER_PAYLOAD = 1514 / 1448;
/** From nothing to all that is free in so many times the reaction. */
const RISE_REACTIONS = 10;
/** Part of all that is free to begin with, until there was a look at the link. */
const FIRST_PART = 0.1;
/** Shorter than this part of the reaction, jitter is larger than what is measured. */
const LEAST_PART = 1 / 10;
/** What we wrote may wait so long in the kernel before the card counts it. */
const AHEAD_PART = 1 / 8;
/** Business that grew by this part of the link since the last sample is at its beginning: it is left room to grow as much again. */
const ONSET_PART = 1 / 10;
/** No card moves so many times its link: another card, or a counter that was set. */
const GLITCH_FACTOR = 4;

export function createGovernor({ linkBytesPerSecond, keepFree, reactWithinMs }: GovernorOptions): Governor {
  const most = linkBytesPerSecond * (1 - keepFree);
  const mostAhead = (linkBytesPerSecond * reactWithinMs * AHEAD_PART) / 1000;
  let grant = most * FIRST_PART;
  let last: GovernorSample | undefined;
  /** Bytes of ours that the card has not counted yet. */
  let ahead = 0;
  let business: number | undefined;

  const businessBytes = (nic: number, own: number): number => {
    const rest = nic - own * FRAME_PER_PAYLOAD - ahead;
    ahead = Math.min(mostAhead, Math.max(0, -rest));
    return Math.max(0, rest);
  };

  return {
    get grantBytesPerSecond() {
      return grant;
    },
    sample(next) {
      const before = last;
      const elapsedMs = next.nowMs - (before?.nowMs ?? next.nowMs);
      // Too soon after the last one: what it says is in the next one too.
      if (before !== undefined && elapsedMs >= 0 && elapsedMs < reactWithinMs * LEAST_PART) return grant;
      last = next;
      if (before === undefined) return grant;
      const [nic, own] = [next.nicBytes - before.nicBytes, next.ownBytes - before.ownBytes];
      const isGlitch = nic > (GLITCH_FACTOR * linkBytesPerSecond * elapsedMs) / 1000;
      // A counter that was reset or a clock that was set says nothing about the time before it.
      if (!(elapsedMs > 0 && nic >= 0 && own >= 0) || isGlitch) {
        ahead = 0;
        business = undefined;
        return grant;
      }
      const now = (businessBytes(nic, own) * 1000) / elapsedMs;
      const growth = now - (business ?? now);
      business = now;
      const expected = growth > linkBytesPerSecond * ONSET_PART ? now + growth : now;
      const target = Math.max(0, most - expected);
      // After missed samples nobody knows what the link was like: no more than one step up.
      const step = (most * Math.min(elapsedMs, reactWithinMs)) / (RISE_REACTIONS * reactWithinMs);
      grant = Math.min(target, grant + step);
      return grant;
    },
  };
}
