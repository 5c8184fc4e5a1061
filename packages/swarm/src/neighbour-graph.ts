/**
 * Who knows whom in one swarm: a symmetric random graph of bounded degree, kept by the tracker.
 * In a small swarm everyone knows everyone; later a newcomer picks half the degree at random and
 * is picked for the other half. A member with a zone has about two thirds of its links there and
 * the rest elsewhere, more of them while its zone is small: so zones stay connected among each other.
 * Takes O(degree) a member, however many there are.
 */
import { RandomPool } from './random-pool.ts';

export interface NeighbourGraph {
  /** Adds a member; returns the members it is linked to now. Adding twice returns the same links. */
  add(peerId: string, zone?: string): string[];
  /** Removes a member; returns the members that lost a neighbour. */
  remove(peerId: string): string[];
  /** New links for a member that has lost all of them, or all that lead out of its zone; returns the new ones. */
  mend(peerId: string): string[];
  /** Other neighbours for a member instead of these, which it refuses; returns the new ones. */
  replace(peerId: string, refused: readonly string[]): string[];
  neighboursOf(peerId: string): string[];
  readonly size: number;
}

export interface NeighbourGraphOptions {
  /** Links a member on average; none has more than twice as many. Where zones fill one by one it is a fifth more. */
  degree: number;
  random: () => number;
}

interface Zone {
  /** Undefined: the members without a zone. */
  readonly name: string | undefined;
  size: number;
  /** Those that may be linked to. */
  readonly roomy: RandomPool<Member>;
}

interface Member {
  readonly peerId: string;
  readonly zone: Zone;
  readonly links: Set<Member>;
}

/** One in so many stands in another zone: looking them up is quicker than drawing until one comes. */
const SPARSE = 32;

export function createNeighbourGraph({ degree, random }: NeighbourGraphOptions): NeighbourGraph {
  const members = new Map<string, Member>();
  const zones = new Map<string | undefined, Zone>();
  const roomy = new RandomPool<Member>();

  const zoneNamed = (name: string | undefined): Zone => {
    const zone = zones.get(name) ?? { name, size: 0, roomy: new RandomPool<Member>() };
    zones.set(name, zone);
    return zone;
  };

  const noteRoom = (member: Member): void => {
    const change = member.links.size < 2 * degree ? 'add' : 'delete';
    for (const pool of [roomy, member.zone.roomy]) pool[change](member);
  };

  const linkAll = (member: Member, others: readonly Member[]): void => {
    for (const other of others) {
      member.links.add(other);
      other.links.add(member);
      noteRoom(other);
    }
    noteRoom(member);
  };

  /** The whole degree while there are no more, else half of it: the others will pick the newcomer. */
  const share = (count: number, ofDegree: number): number => (count <= ofDegree ? count : Math.ceil(ofDegree / 2));

  const pickElsewhere = (zone: Zone, count: number): Member[] => {
    const room = roomy.size - zone.roomy.size;
    const pool = room * SPARSE < roomy.size ? membersElsewhere(zone) : roomy;
    return take(pool.shuffled(random), Math.min(count, room), (member) => member.zone !== zone);
  };

  const membersElsewhere = (zone: Zone): RandomPool<Member> => {
    const pool = new RandomPool<Member>();
    for (const other of zones.values()) {
      if (other !== zone) for (const member of other.roomy.shuffled(random)) pool.add(member);
    }
    return pool;
  };

  /** Of members that are not linked to each other; the one who picks is not among `roomy`. */
  const pick = (zone: Zone, others: number): Member[] => {
    if (zone.name === undefined) return take(roomy.shuffled(random), share(others, degree));
    const elsewhere = others - zone.size;
    const degreeElsewhere = Math.min(elsewhere, Math.round(degree / 3));
    const local = take(zone.roomy.shuffled(random), share(zone.size, degree - degreeElsewhere));
    const missing = Math.ceil(degree / 2) - local.length;
    return [...local, ...pickElsewhere(zone, Math.max(share(elsewhere, degreeElsewhere), missing))];
  };

  const idsOf = (links: Iterable<Member>): string[] => Array.from(links, ({ peerId }) => peerId);

  return {
    get size() {
      return members.size;
    },
    add(peerId, zoneName) {
      const existing = members.get(peerId);
      if (existing !== undefined) return idsOf(existing.links);
      const zone = zoneNamed(zoneName);
      const member: Member = { peerId, zone, links: new Set() };
      linkAll(member, pick(zone, members.size));
      members.set(peerId, member);
      zone.size++;
      return idsOf(member.links);
    },
    remove(peerId) {
      const member = members.get(peerId);
      if (member === undefined) return [];
      const { zone, links } = member;
      members.delete(peerId);
      for (const pool of [roomy, zone.roomy]) pool.delete(member);
      for (const other of links) {
        other.links.delete(member);
        noteRoom(other);
      }
      if (--zone.size === 0) zones.delete(zone.name);
      return idsOf(links);
    },
    mend(peerId) {
      const member = members.get(peerId);
      if (member === undefined) return [];
      const { zone, links } = member;
      const isAlone = links.size === 0;
      if (!isAlone && (zone.name === undefined || [...links].some((other) => other.zone !== zone))) return [];
      for (const pool of [roomy, zone.roomy]) pool.delete(member);
      zone.size--;
      const others = members.size - 1;
      const added = isAlone ? pick(zone, others) : pickElsewhere(zone, Math.ceil(degree / 6));
      zone.size++;
      linkAll(member, added);
      return idsOf(added);
    },
    replace(peerId, refused) {
      const member = members.get(peerId);
      if (member === undefined) return [];
      const { zone, links } = member;
      const unwanted = new Set(refused.flatMap((id) => members.get(id) ?? []));
      const dropped = [...links].filter((other) => unwanted.has(other));
      for (const other of dropped) {
        links.delete(other);
        other.links.delete(member);
        noteRoom(other);
      }
      const isNew = (other: Member): boolean => other !== member && !links.has(other) && !unwanted.has(other);
      const near = dropped.filter((other) => other.zone === zone).length;
      const local = take(zone.roomy.shuffled(random), near, isNew);
      const count = dropped.length - local.length;
      const added = [...local, ...take(roomy.shuffled(random), count, (other) => other.zone !== zone && isNew(other))];
      linkAll(member, added);
      return idsOf(added);
    },
    neighboursOf: (peerId) => idsOf(members.get(peerId)?.links ?? []),
  };
}

function take(from: Iterable<Member>, count: number, fits = (_member: Member) => true): Member[] {
  const taken: Member[] = [];
  if (count <= 0) return taken;
  for (const member of from) {
    if (fits(member)) taken.push(member);
    if (taken.length >= count) break;
  }
  return taken;
}
