/**
 * The tracker's split of a cap that hosts share: who may use which part of it, and until when. Parts are fractions of
 * the cap, so that a window that changes the cap needs no message: every agent knows the policy and its clock. A member
 * has a small offline part that is always its own, and a lease beside it that follows its demand. Never are all parts
 * that members may hold more than the whole: an answer that may still be believed is counted until a later one was
 * seen, or until its lease has ended and the clocks' tolerance has passed. Sends nothing and reads no clock.
 */
import { waterLevel } from './water-level.ts';

export interface ShareAsk {
  member: string;
  /** Counts this member's asks; a member that starts anew counts from 1 after the tracker was told `leave`. */
  number: number;
  /** The number of the last answer it got; 0 for none. */
  answered: number;
  /** The offline part it holds. */
  offline: number;
  /** The part of the cap it would use now, 0 to 1, beside its offline part. */
  demand: number;
}

export interface ShareAnswer {
  /** Of the ask. A member heeds only answers to later asks than it has had one for. */
  number: number;
  /** Its part until `leaseMs` after it *asked*, by its own clock: what the way takes is its loss. */
  lease: number;
  leaseMs: number;
  /** Its part at all times, until the next answer. */
  offline: number;
}

export interface ShareOptions {
  leaseMs: number;
  /** How far a member's clock may lag behind within a lease. */
  toleranceMs: number;
  /** All offline parts together. */
  offlinePart: number;
  /** When the table was made; one that follows another grants no lease until that one's have ended. */
  follows?: { startedMs: number; offline: readonly { member: string; part: number }[] };
}

export interface ShareTable {
  ask(ask: ShareAsk, nowMs: number): ShareAnswer;
  /** The member uses nothing any more: it said goodbye, began anew, or is known to be gone for good. */
  leave(member: string): void;
  /** To be kept for a table that follows this one. */
  offline(): { member: string; part: number }[];
}

/** A member heeds no answer to an ask before its last so many. */
export const OPEN_ASKS = 16;

/** Demands and sums are looked at anew so often within a lease. */
const LOOKS = 10;

interface Offer {
  number: number;
  lease: number;
  offline: number;
  endsMs: number;
}

interface Member {
  /** Answers that it may believe, the last it said it got among them. */
  offers: Offer[];
  offline: number;
  /** From the table before this one: answers of that one may be under way until one of ours was seen. */
  carried: number;
  demand: number;
  askedMs: number;
  /** The most it may hold: counted into the sums. */
  reserved: { lease: number; offline: number };
}

export function createShareTable({ leaseMs, toleranceMs, offlinePart, follows }: ShareOptions): ShareTable {
  const members = new Map<string, Member>();
  const sums = { lease: 0, offline: 0 };
  const quietUntilMs = follows === undefined ? Number.NEGATIVE_INFINITY : follows.startedMs + leaseMs + toleranceMs;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let level = 0;

  const reserve = (member: Member, now: number): void => {
    sums.lease -= member.reserved.lease;
    sums.offline -= member.reserved.offline;
    member.reserved = {
      lease: Math.max(0, ...member.offers.filter(({ endsMs }) => endsMs > now).map(({ lease }) => lease)),
      offline: Math.max(member.offline, member.carried, ...member.offers.map(({ offline }) => offline)),
    };
    sums.lease += member.reserved.lease;
    sums.offline += member.reserved.offline;
  };

  const memberNamed = (name: string): Member => {
    const member = members.get(name) ?? newMember();
    members.set(name, member);
    return member;
  };

  /** Sums from the start, so that what expired is free and no rounding adds up. */
  const look = (now: number): void => {
    lookedMs = now;
    Object.assign(sums, { lease: 0, offline: 0 });
    const demands: number[] = [];
    for (const member of members.values()) {
      member.reserved = { lease: 0, offline: 0 };
      reserve(member, now);
      if (now - member.askedMs <= leaseMs) demands.push(member.demand);
    }
    level = waterLevel(demands, leasable());
  };

  const leasable = (): number => Math.max(0, 1 - Math.max(offlinePart, sums.offline));

  for (const { member, part } of follows?.offline ?? []) memberNamed(member).carried = part;
  if (follows !== undefined) look(follows.startedMs);
  return {
    ask({ member: name, number, answered, offline, demand }, now) {
      const member = memberNamed(name);
      // Who wants nothing changes no level; there may be thousands that ask so seldom that each time is the first.
      const isNew = demand > 0 && now - member.askedMs > leaseMs;
      if (member.carried > 0)
        member.offers.push({ number: number - 1, lease: 0, offline: member.carried, endsMs: now });
      member.carried = 0;
      member.offers = member.offers.filter(
        (offer) => offer.number === answered || offer.number > Math.max(answered, number - OPEN_ASKS),
      );
      Object.assign(member, { offline: part(offline), demand: part(demand), askedMs: now });
      if (isNew || now - lookedMs >= leaseMs / LOOKS) look(now);
      else reserve(member, now);
      const others = { lease: sums.lease - member.reserved.lease, offline: sums.offline - member.reserved.offline };
      const offer: Offer = {
        number,
        lease: now < quietUntilMs ? 0 : within(Math.min(member.demand, level), leasable() - others.lease),
        offline: within(offlinePart / members.size, offlinePart - others.offline),
        endsMs: now + leaseMs + toleranceMs,
      };
      member.offers.push(offer);
      reserve(member, now);
      return { number, lease: offer.lease, leaseMs, offline: offer.offline };
    },
    leave(name) {
      members.delete(name);
      lookedMs = Number.NEGATIVE_INFINITY;
    },
    offline: () => [...members].map(([member, { reserved }]) => ({ member, part: reserved.offline })),
  };
}

function newMember(): Member {
  return {
    ...{ offers: [], offline: 0, carried: 0, demand: 0, askedMs: Number.NEGATIVE_INFINITY },
    reserved: { lease: 0, offline: 0 },
  };
}

function within(wanted: number, free: number): number {
  return Math.max(0, Math.min(wanted, free));
}

/** What came from outside, as a part of the whole. */
function part(value: number): number {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0;
}
