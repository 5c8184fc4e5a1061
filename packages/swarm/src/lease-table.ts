/**
 * Which host of a zone may fetch a piece over the zone's uplink: one at a time, so that an uplink
 * carries about one copy, and few pieces at once, so that each comes in quickly and can be passed on.
 * One table a swarm, kept by the tracker. A lease ends when nobody renews it and then goes to who
 * asks. Does not decide which pieces a host asks for, nor who may ask.
 */

/** A holder asks again well within this time, or somebody else may fetch the piece. */
export const LEASE_MS = 10_000;
/** Pieces on their way into a zone: what comes in within this time, and no fewer than so many. */
const FETCHING_MS = 1000;
const LEAST_FETCHING = 8;
const MEASURE_MS = 1000;
/**
 * An arrived piece is not leased again for so long. Through a large zone it takes longer; the few second copies that
 * this allows speed it up.
 */
const ARRIVED_MS = 2000;

export interface LeaseTable {
  /** Grants what is free, expired or this holder's own, which is thereby renewed. */
  ask(request: LeaseRequest, now: number): LeaseAnswer;
  /** Frees what a member held when it leaves. */
  release(holder: string): void;
  /** Entries, expired ones among them: at most pieces × zones. */
  readonly size: number;
}

export interface LeaseRequest {
  zone: string;
  /** Peer id. */
  holder: string;
  /** All that the holder still fetches, and what it would like to: what it names no more has arrived. */
  pieces: readonly number[];
  /** Those of them that a seeder shows to this holder alone: granted whatever else is on its way. */
  shown?: readonly number[];
}

/** A piece that is in neither may be asked for again soon: enough are on their way. */
export interface LeaseAnswer {
  granted: number[];
  refused: number[];
}

interface Lease {
  holder: string;
  fetching: boolean;
  /** Among those of which few may be on their way. */
  counted: boolean;
  /** In the clock of `ask`, ms. */
  until: number;
}

interface Wish {
  holder: string;
  piece: number;
  counted: boolean;
}

interface Zone {
  leases: Map<number, Lease>;
  fetching: number;
  mostFetching: number;
  arrived: number;
  measuredFrom: number;
}

export function createLeaseTable(): LeaseTable {
  const zones = new Map<string, Zone>();
  /** Pieces a holder fetches, by zone and holder, so that nobody looks through all of them. */
  const holdings = new Map<string, { zone: Zone; pieces: Set<number> }>();

  const zoneNamed = (name: string, now: number): Zone => {
    const zone = zones.get(name) ?? newZone(now);
    zones.set(name, zone);
    return zone;
  };

  const holdingOf = (holder: string, zone: Zone): Set<number> => {
    const known = holdings.get(holder);
    if (known?.zone === zone) return known.pieces;
    if (known !== undefined) release(holder);
    const pieces = new Set<number>();
    holdings.set(holder, { zone, pieces });
    return pieces;
  };

  const stopFetching = (zone: Zone, piece: number): void => {
    const lease = zone.leases.get(piece);
    if (!lease?.fetching) return;
    lease.fetching = false;
    if (lease.counted) zone.fetching--;
    holdings.get(lease.holder)?.pieces.delete(piece);
  };

  const release = (holder: string): void => {
    const holding = holdings.get(holder);
    if (holding === undefined) return;
    for (const piece of [...holding.pieces]) {
      stopFetching(holding.zone, piece);
      holding.zone.leases.delete(piece);
    }
    holdings.delete(holder);
  };

  const take = (zone: Zone, { holder, piece, counted }: Wish, now: number): boolean | undefined => {
    const lease = zone.leases.get(piece);
    const isOwn = lease?.fetching === true && lease.holder === holder;
    if (lease !== undefined && !isOwn && runs(lease, now)) return false;
    if (!isOwn) {
      if (lease !== undefined) stopFetching(zone, piece);
      if (counted && zone.fetching >= zone.mostFetching) return undefined;
      if (counted) zone.fetching++;
      holdingOf(holder, zone).add(piece);
    }
    zone.leases.set(piece, { holder, fetching: true, counted: isOwn ? lease.counted : counted, until: now + LEASE_MS });
    return true;
  };

  return {
    get size() {
      let size = 0;
      for (const { leases } of zones.values()) size += leases.size;
      return size;
    },
    ask({ zone: name, holder, pieces, shown = [] }, now) {
      const zone = zoneNamed(name, now);
      const named = new Set(pieces);
      const alone = new Set(shown);
      for (const piece of [...holdingOf(holder, zone)]) {
        if (named.has(piece)) continue;
        if (zone.leases.get(piece)?.counted) zone.arrived++;
        stopFetching(zone, piece);
        zone.leases.set(piece, { holder, fetching: false, counted: false, until: now + ARRIVED_MS });
      }
      measure(zone, now);
      forgetExpired(zone, (piece) => stopFetching(zone, piece), now);
      const answer: LeaseAnswer = { granted: [], refused: [] };
      for (const piece of named) {
        const granted = take(zone, { holder, piece, counted: !alone.has(piece) }, now);
        if (granted !== undefined) answer[granted ? 'granted' : 'refused'].push(piece);
      }
      return answer;
    },
    release,
  };
}

/** No lease is longer than it can be, also when the clock is set back. */
function runs({ until }: Lease, now: number): boolean {
  return until > now && until <= now + LEASE_MS;
}

function newZone(now: number): Zone {
  return { leases: new Map(), fetching: 0, mostFetching: LEAST_FETCHING, arrived: 0, measuredFrom: now };
}

/** As many at a time as came in lately: an uplink that is full carries them one behind the other. */
function measure(zone: Zone, now: number): void {
  const elapsedMs = now - zone.measuredFrom;
  if (elapsedMs < MEASURE_MS) return;
  zone.mostFetching = Math.max(LEAST_FETCHING, Math.ceil((zone.arrived * FETCHING_MS) / elapsedMs));
  zone.arrived = 0;
  zone.measuredFrom = now;
}

function forgetExpired(zone: Zone, stopFetching: (piece: number) => void, now: number): void {
  for (const [piece, lease] of zone.leases) {
    if (runs(lease, now)) continue;
    stopFetching(piece);
    zone.leases.delete(piece);
  }
}
