/**
 * The digest of a whole blob whose pieces come in any order: bytes at hand are hashed as they pass,
 * what came otherwise is read back from the store. Says how far it is; does not judge.
 */
import { createHash, type Hash } from 'node:crypto';
import { digestAlgorithm } from '@shoal/oci';
import { pieceSize } from '@shoal/swarm';
import type { BlobFile } from '../store/blob-file.ts';

export class BlobDigest {
  /** Pieces below it are hashed. */
  next = 0;
  readonly #blob: BlobFile;
  readonly #hash: Hash;

  constructor(blob: BlobFile) {
    this.#blob = blob;
    this.#hash = createHash(digestAlgorithm(blob.digest));
  }

  /** Takes the bytes of a piece if it is the next one. */
  offer(piece: number, bytes: Uint8Array): void {
    if (piece !== this.next) return;
    this.#hash.update(bytes);
    this.next++;
  }

  /** Reads back at most so many held pieces. */
  async follow(mostPieces = Number.POSITIVE_INFINITY): Promise<void> {
    const { held, size, pieceLength } = this.#blob;
    for (let read = 0; read < mostPieces && this.next < held.length && held.has(this.next); read++) {
      const piece = this.next;
      const bytes = Buffer.allocUnsafe(pieceSize(piece, size, pieceLength));
      await this.#blob.read(piece * pieceLength, bytes);
      this.offer(piece, bytes); // unless it was offered meanwhile
    }
  }

  /** Once, at the end. */
  hex(): string {
    return this.#hash.digest('hex');
  }
}
