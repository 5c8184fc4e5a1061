/**
 * Hashes blobs again as they lie on the disk: every piece that is here, and the digest of those that are whole. One
 * after the other, as traffic goes first. Says what is wrong; who drops it is not decided here.
 */
import { type Digest, digestHex } from '@shoal/oci';
import { pieceSize } from '@shoal/swarm';
import type { BackgroundCheck } from '../store/background-check.ts';
import type { BlobFile } from '../store/blob-file.ts';

export interface VerifyOptions {
  check: BackgroundCheck;
  /** So many more bytes were hashed, of `bytesToVerify`. */
  onBytes(bytes: number): void;
  signal: AbortSignal;
}

/** A whole blob is read twice: piece by piece, and for its digest. */
export function bytesToVerify(blob: BlobFile): number {
  return blob.bytesHeld() + (blob.complete ? blob.size : 0);
}

/** Undefined: all of it is right. Else what is wrong. Rejects with the signal's reason, or when the blob is closed. */
export async function verifyBlob(blob: BlobFile, options: VerifyOptions): Promise<string | undefined> {
  const { check, onBytes, signal } = options;
  for (const piece of [...blob.held]) {
    signal.throwIfAborted();
    // Read behind a gap, under the digest of the whole: there is no hash to compare it with.
    if (piece < blob.hashCount && !(await blob.holdsOnDisk(piece))) return `piece ${piece} is not what its hash says`;
    onBytes(pieceSize(piece, blob.size, blob.pieceLength));
  }
  if (!blob.complete) return undefined;
  const hash = await check.digestOf(blob, { onBytes, signal });
  return hash === digestHex(blob.digest) ? undefined : wrongDigest(blob.digest);
}

function wrongDigest(digest: Digest): string {
  return `its bytes are not ${digest}`;
}
