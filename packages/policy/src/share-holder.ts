/** A member's side of shares.ts: what it asks, which answers it heeds, and which part of the cap it may use now. */
import { OPEN_ASKS, type ShareAnswer, type ShareAsk } from './shares.ts';

export interface ShareHolder {
  ask(demand: number, nowMs: number): ShareAsk;
  /** Late answers and answers to asks it never made change nothing. */
  answer(answer: ShareAnswer): void;
  /** 0 to 1: offline part and, while it lasts, lease. */
  part(nowMs: number): number;
}

export function createShareHolder(member: string): ShareHolder {
  const askedMs = new Map<number, number>();
  let asks = 0;
  let held = { number: 0, lease: 0, untilMs: 0, offline: 0 };
  return {
    ask(demand, nowMs) {
      const number = ++asks;
      askedMs.set(number, nowMs);
      askedMs.delete(number - OPEN_ASKS);
      return { member, number, answered: held.number, offline: held.offline, demand };
    },
    answer({ number, lease, leaseMs, offline }) {
      const asked = askedMs.get(number);
      if (asked === undefined || number <= held.number) return;
      held = { number, lease, untilMs: asked + leaseMs, offline };
    },
    part: (nowMs) => held.offline + (nowMs < held.untilMs ? held.lease : 0),
  };
}
