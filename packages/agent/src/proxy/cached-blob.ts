/** A blob of the cache, each piece looked at once again before it is sent if the file is not as it was verified. */
import type { BlobFile } from '../store/blob-file.ts';
import type { Pulled } from './pulls.ts';

/** For one client. `whenHere` rejects with STORE_FAILED for a piece that is not what its hash says any more. */
export function cachedBlob(blob: BlobFile): Pulled {
  let checked = -1;
  return {
    blob,
    source: 'cache',
    async whenHere(position) {
      const piece = Math.floor(position / blob.pieceLength);
      if (piece === checked) return;
      await blob.checkAgain(piece);
      checked = piece;
    },
  };
}
