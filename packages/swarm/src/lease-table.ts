/**
 * Which host of a zone may fetch a piece over the zone's uplink: one at a time, so that an uplink
 * carries about one copy. One table a swarm, kept by the tracker. A lease ends when nobody renews
 * it and then goes to who asks. Does not decide which pieces a host asks for, nor who may ask.
 */

/** A holder asks again well within this time, or somebody else may fetch the piece. */
export const LEASE_MS = 10_000;

export interface LeaseTable {
  /** Grants what is free, expired or this holder's own, which is thereby renewed. */
  ask(request: LeaseRequest, now: number): LeaseAnswer;
  /** Frees what a member held when it leaves. */
  release(holder: string): void;
  /** Leases that run, and expired ones of zones where nobody asked since: at most pieces × zones. */
  readonly size: number;
}

export interface LeaseRequest {
  zone: string;
  /** Peer id. */
  holder: string;
  pieces: readonly number[];
}

/** Every piece that was asked for is in one of the two. */
export interface LeaseAnswer {
  granted: number[];
  refused: number[];
}

interface Lease {
  readonly zone: string;
  readonly piece: number;
  readonly holder: string;
  /** In the clock of `ask`, ms. */
  readonly until: number;
}

export function createLeaseTable(): LeaseTable {
  /** By zone and piece; those that end first stand first. */
  const zones = new Map<string, Map<number, Lease>>();
  /** The same leases by holder, so that a member leaves without a look at all of them. */
  const holdings = new Map<string, Set<Lease>>();

  const drop = (lease: Lease): void => {
    zones.get(lease.zone)?.delete(lease.piece);
    const held = holdings.get(lease.holder);
    held?.delete(lease);
    if (held?.size === 0) holdings.delete(lease.holder);
  };

  const put = (lease: Lease): void => {
    const leases = zones.get(lease.zone) ?? new Map<number, Lease>();
    zones.set(lease.zone, leases.set(lease.piece, lease));
    const held = holdings.get(lease.holder) ?? new Set();
    holdings.set(lease.holder, held.add(lease));
  };

  const dropExpired = (zone: string, now: number): void => {
    for (const lease of zones.get(zone)?.values() ?? []) {
      if (runs(lease, now)) return;
      drop(lease);
    }
  };

  return {
    get size() {
      let size = 0;
      for (const leases of zones.values()) size += leases.size;
      return size;
    },
    ask({ zone, holder, pieces }, now) {
      const answer: LeaseAnswer = { granted: [], refused: [] };
      dropExpired(zone, now);
      for (const piece of pieces) {
        const lease = zones.get(zone)?.get(piece);
        if (lease !== undefined && lease.holder !== holder && runs(lease, now)) {
          answer.refused.push(piece);
          continue;
        }
        if (lease !== undefined) drop(lease);
        put({ zone, piece, holder, until: now + LEASE_MS });
        answer.granted.push(piece);
      }
      return answer;
    },
    release(holder) {
      for (const lease of holdings.get(holder) ?? []) drop(lease);
    },
  };
}

/** One that ends later than a lease lasts was given before the clock was set back. */
function runs({ until }: Lease, now: number): boolean {
  return until > now && until <= now + LEASE_MS;
}
