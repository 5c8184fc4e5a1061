/**
 * Reads what is missing of a blob from its registry with the credentials of a client, as a seeder reads: piece by piece
 * into the store, the last one only when the digest of the whole is right. What the swarm has brought is not read again.
 */
import type { Digest } from '@shoal/oci';
import type { BlobFile } from '../store/blob-file.ts';
import type { PieceMemory } from '../store/piece-memory.ts';
import type { DownloadScheduler } from '../swarm/download-scheduler.ts';
import { OriginReader, type OriginSource, type OriginTarget } from '../swarm/origin-reader.ts';
import type { Swarms } from '../swarm/swarms.ts';
import { passedHeaders } from './forward.ts';
import type { BlobRequest } from './registry-right.ts';

export interface DirectReading {
  digest: Digest;
  blob: BlobFile;
  /** The piece to begin with; those before it come last. */
  from: number;
  asked: BlobRequest;
  signal: AbortSignal;
}

export interface DirectReadingParts {
  swarms: Swarms;
  memory: PieceMemory;
  downloads: DownloadScheduler;
  onBytes(bytes: number): void;
}

/** Looked at again so often, bytes: the swarm goes on meanwhile. */
const STRETCH_BYTES = 32 * 1024 * 1024;

/** Resolves when the blob is whole. Rejects with the registry's error or DIGEST_MISMATCH; wrong bytes are dropped. */
export async function readDirectly(
  { digest, blob, from, asked, signal }: DirectReading,
  { swarms, memory, downloads, onBytes }: DirectReadingParts,
): Promise<void> {
  const { host: registry, repository } = asked.claim;
  const descriptor = { mediaType: 'application/octet-stream', digest, size: blob.size };
  const reader = new OriginReader({
    ...{ runner: swarms.runnerOf(digest) ?? aloneWith(blob), seed: { registry, repository, descriptor } },
    ...{ class: 'pull', memory, downloads, onBytes, signal },
    send() {}, // its hashes are nobody's: a seeder publishes
  });
  reader.lead();
  const count = Math.max(1, Math.floor(STRETCH_BYTES / blob.pieceLength));
  for (const [start, end] of [
    [from, blob.held.length],
    [0, from],
  ] as const)
    for (let first = start; first < end; first += count) reader.read({ first, count: Math.min(count, end - first) });
  try {
    await reader.run(sourceOf(asked));
  } catch (error) {
    if ((error as { code?: string }).code === 'DIGEST_MISMATCH') await swarms.forget(digest);
    throw error;
  }
  swarms.offer(blob);
}

function aloneWith(blob: BlobFile): OriginTarget {
  const originPieceStored: OriginTarget['originPieceStored'] = (piece, hash) => blob.claimOriginPiece(piece, hash);
  return { blob, swarmId: '', stopped: false, onProgress: undefined, originPieceStored };
}

function sourceOf({ upstream, target, request }: BlobRequest): OriginSource {
  const { 'if-range': _ifRange, ...headers } = passedHeaders(request);
  return {
    async *readBlob(_repository, { size }, { offset = 0, end = size, signal } = {}) {
      const range = `bytes=${offset}-${end - 1}`;
      const answer = await upstream.request({
        method: 'GET',
        target,
        headers: { ...headers, range },
        ...(signal && { signal }),
      });
      const isWhole = answer.status === 200 && offset === 0 && end === size; // a registry without ranges
      if (answer.status !== 206 && !isWhole) {
        answer.discard();
        throw new Error(`the registry answered ${answer.status} to a range of a blob`);
      }
      yield* answer.body;
    },
  };
}
