/**
 * One blob's swarm as the tracker knows it: members and the known prefix of piece hashes. Pure.
 * Decides what a published run of hashes changes and whether a seeder is needed.
 */
import { createLeaseTable, type LeaseTable, type NeighbourGraph, PieceSet, pieceCount } from '@shoal/swarm';
import type { TicketRole } from '@shoal/wire';
import { HASH_BYTES, type JobClass, type SeedSource } from '../client/session-messages.ts';
import type { Stretches } from './stretches.ts';

export interface Member {
  peerId: string;
  role: TicketRole;
  /** Undefined: it has none. */
  zone?: string;
  /** Pieces it says it holds. */
  pieces: number;
  complete: boolean;
  /** Hashes it was sent so far. */
  hashesSent: number;
  ticketExpiresAtMs: number;
}

export interface Swarm {
  id: string;
  digest: string;
  size: number;
  pieceLength: number;
  pieceCount: number;
  /** Room for all hashes; those of `published` pieces are valid. */
  hashes: Buffer;
  published: PieceSet;
  /** Pieces below it have their hash: what members are told of. */
  known: number;
  members: Map<string, Member>;
  /** Members whose right the registry has confirmed: they keep it as long as they stay. */
  pullers: Set<string>;
  graph: NeighbourGraph;
  leases: LeaseTable;
  /** Where a seeder would read the blob and the job its bytes count for: of who asked last. */
  origin?: { source: SeedSource; jobId: string; class: JobClass };
  /** It is to be read although no host waits for it yet. */
  isWantedAhead: boolean;
  seeding: Seeding;
}

export interface Seeding {
  /** The seeder that is reading or serving now; with several, the one that leads. */
  peerId?: string;
  /** Of a blob that several seeders read. */
  shared?: { helpers: Set<string>; stretches: Stretches };
  /** Failures since hashes last came. */
  failures: number;
  lastFailure?: { peerId: string; text: string };
  /** Calls off the next attempt. */
  cancelRetry?: () => void;
  /** Bytes each seeder said it read, so that only the difference is counted. */
  originBytes: Map<string, number>;
}

export interface SwarmShape {
  id: string;
  digest: string;
  size: number;
  pieceLength: number;
  /** All hashes, when they are known already. */
  hashes?: Buffer;
}

export function newSwarm({ hashes, ...shape }: SwarmShape, graph: NeighbourGraph): Swarm {
  const count = pieceCount(shape.size, shape.pieceLength);
  const published = new PieceSet(count);
  if (hashes) published.addAll();
  return {
    ...shape,
    pieceCount: count,
    hashes: hashes ?? Buffer.alloc(count * HASH_BYTES),
    published,
    known: hashes ? count : 0,
    members: new Map(),
    pullers: new Set(),
    graph,
    leases: createLeaseTable(),
    isWantedAhead: false,
    seeding: { failures: 0, originBytes: new Map() },
  };
}

export function knownHashes(swarm: Swarm, first = 0): Buffer {
  return swarm.hashes.subarray(first * HASH_BYTES, swarm.known * HASH_BYTES);
}

export function allHashesKnown(swarm: Swarm): boolean {
  return swarm.known === swarm.pieceCount;
}

/**
 * `malformed`: not whole hashes, or beyond the last piece. `ignored`: nothing new. `conflict`: contradicts
 * what is known. Several seeders publish out of order: what lies behind a gap waits until it closes.
 */
export type Added = 'added' | 'ignored' | 'malformed' | 'conflict';

export function addHashes(swarm: Swarm, first: number, hashes: Buffer): Added {
  const count = hashes.length / HASH_BYTES;
  if (!Number.isInteger(count) || first + count > swarm.pieceCount) return 'malformed';
  const before = swarm.published.count;
  for (let piece = first; piece < first + count; piece++) {
    const hash = hashes.subarray((piece - first) * HASH_BYTES, (piece - first + 1) * HASH_BYTES);
    const place = swarm.hashes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES);
    if (swarm.published.has(piece) && !place.equals(hash)) return 'conflict';
    hash.copy(place);
    swarm.published.add(piece);
  }
  while (swarm.known < swarm.pieceCount && swarm.published.has(swarm.known)) swarm.known++;
  return swarm.published.count > before ? 'added' : 'ignored';
}

/** It reads the blob from the registry, alone or with others. */
export function isSeeding({ seeding }: Swarm, peerId: string): boolean {
  return seeding.peerId === peerId || seeding.shared?.helpers.has(peerId) === true;
}

/** It gets pieces from others and needs to hear of them: also the lead of several seeders. */
export function downloads({ members, seeding }: Swarm, peerId: string): boolean {
  const isLead = seeding.peerId === peerId && seeding.shared !== undefined;
  return isLead || members.get(peerId)?.role === 'leecher';
}

/** Somebody waits, or will, and no member could serve every piece to somebody who can verify it. */
export function needsSeeder(swarm: Swarm): boolean {
  if (isServed(swarm)) return false;
  if (swarm.isWantedAhead) return true;
  for (const { role, complete } of swarm.members.values()) if (role === 'leecher' && !complete) return true;
  return false;
}

/** A seeder reads it, or a member holds all of it and everybody can verify that. */
export function isServed(swarm: Swarm): boolean {
  if (swarm.seeding.peerId !== undefined) return true;
  if (!allHashesKnown(swarm)) return false;
  for (const { complete } of swarm.members.values()) if (complete) return true;
  return false;
}

/** Takes over the bytes a seeder read so far; returns how many of them are new. */
export function countOrigin(seeding: Seeding, peerId: string, originBytes: number): number {
  const before = seeding.originBytes.get(peerId) ?? 0;
  seeding.originBytes.set(peerId, originBytes);
  // A restarted seeder counts from zero again.
  return originBytes >= before ? originBytes - before : originBytes;
}
