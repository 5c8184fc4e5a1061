/**
 * The swarms there are, by id and by digest, each made when first needed and dropped with its last member.
 * Brings metainfo from the store and takes it there once it is whole.
 */
import { createNeighbourGraph, pieceLengthFor } from '@shoal/swarm';
import { swarmIdOf } from '@shoal/wire';
import { TrackerError } from '../errors.ts';
import type { BlobStore } from '../store/blob-store.ts';
import { newSwarm, type Swarm } from './swarm.ts';

const NEIGHBOUR_DEGREE = 30;

export interface SwarmTable {
  byId(id: string): Swarm | undefined;
  byDigest(digest: string): Swarm | undefined;
  /** Of a blob the tracker knows: it has a swarm, or its metainfo is in the store. */
  sizeOf(digest: string): number | undefined;
  /** Throws SIZE_MISMATCH when the blob is known and its size is another. */
  open(digest: string, size: number): Swarm;
  all(): Swarm[];
  delete(swarm: Swarm): void;
}

export interface SwarmTableDeps {
  blobs: BlobStore;
  swarmSecret: Uint8Array;
  random: () => number;
}

export function createSwarmTable({ blobs, swarmSecret, random }: SwarmTableDeps): SwarmTable {
  const swarms = new Map<string, Swarm>();
  const idOf = (digest: string) => swarmIdOf(swarmSecret, digest);
  const byDigest = (digest: string) => swarms.get(idOf(digest));
  return {
    byId: (id) => swarms.get(id),
    byDigest,
    sizeOf: (digest) => byDigest(digest)?.size ?? blobs.get(digest)?.size,
    open(digest, size) {
      const running = byDigest(digest);
      const known = running ?? blobs.get(digest);
      if (known && known.size !== size) {
        throw new TrackerError('SIZE_MISMATCH', `${digest} has ${known.size} bytes, the manifest says ${size}`);
      }
      if (running) return running;
      const shape = { pieceLength: pieceLengthFor(size), ...known, id: idOf(digest), digest, size };
      const swarm = newSwarm(shape, createNeighbourGraph({ degree: NEIGHBOUR_DEGREE, random }));
      swarms.set(swarm.id, swarm);
      return swarm;
    },
    all: () => [...swarms.values()],
    delete: (swarm) => void swarms.delete(swarm.id),
  };
}
