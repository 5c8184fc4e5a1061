/**
 * One blob's swarm as the tracker knows it: members and the known prefix of piece hashes. Pure.
 * Decides what a published run of hashes changes and whether a seeder is needed.
 */
import { createLeaseTable, type LeaseTable, type NeighbourGraph, pieceCount } from '@shoal/swarm';
import type { TicketRole } from '@shoal/wire';
import { HASH_BYTES, type SeedSource } from '../client/session-messages.ts';

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
  /** Room for all hashes; the first `known` are valid. */
  hashes: Buffer;
  known: number;
  members: Map<string, Member>;
  graph: NeighbourGraph;
  leases: LeaseTable;
  /** Where a seeder would read the blob and the job its bytes count for: of who asked last. */
  origin?: { source: SeedSource; jobId: string };
  seeding: Seeding;
}

export interface Seeding {
  /** The seeder that is reading or serving now. */
  peerId?: string;
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
  return {
    ...shape,
    pieceCount: count,
    hashes: hashes ?? Buffer.alloc(count * HASH_BYTES),
    known: hashes ? count : 0,
    members: new Map(),
    graph,
    leases: createLeaseTable(),
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
 * `malformed`: not whole hashes, or beyond the last piece. `ignored`: nothing new, or a gap before it.
 * `conflict`: contradicts what is known. A run that overlaps what is known counts from where it goes on:
 * another seeder need not stop where the first one did.
 */
export type Appended = 'appended' | 'ignored' | 'malformed' | 'conflict';

export function appendHashes(swarm: Swarm, first: number, hashes: Buffer): Appended {
  const count = hashes.length / HASH_BYTES;
  if (!Number.isInteger(count) || first + count > swarm.pieceCount) return 'malformed';
  if (first > swarm.known) return 'ignored';
  const overlap = Math.min(swarm.known - first, count) * HASH_BYTES;
  const known = swarm.hashes.subarray(first * HASH_BYTES, first * HASH_BYTES + overlap);
  if (!known.equals(hashes.subarray(0, overlap))) return 'conflict';
  if (first + count <= swarm.known) return 'ignored';
  hashes.copy(swarm.hashes, first * HASH_BYTES);
  swarm.known = first + count;
  return 'appended';
}

/** Somebody waits, and no member could serve every piece to somebody who can verify it. */
export function needsSeeder(swarm: Swarm): boolean {
  const members = [...swarm.members.values()];
  const wanted = members.some(({ role, complete }) => role === 'leecher' && !complete);
  if (!wanted || swarm.seeding.peerId !== undefined) return false;
  return !(allHashesKnown(swarm) && members.some(({ complete }) => complete));
}

/** Takes over the bytes a seeder read so far; returns how many of them are new. */
export function countOrigin(seeding: Seeding, peerId: string, originBytes: number): number {
  const before = seeding.originBytes.get(peerId) ?? 0;
  seeding.originBytes.set(peerId, originBytes);
  // A restarted seeder counts from zero again.
  return originBytes >= before ? originBytes - before : originBytes;
}
