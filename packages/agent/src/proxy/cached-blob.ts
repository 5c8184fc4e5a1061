/** A blob of the cache, each piece looked at once again before it is sent if the file is not as it was verified. */
import type { BlobFile } from '../store/blob-file.ts';
import type { Pulled } from './pulls.ts';

/** `whenHere` rejects with STORE_FAILED for a piece that is not what its hash says any more. */
export function cachedBlob(blob: BlobFile): Pulled {
  return { blob, source: 'cache', whenHere: (position) => blob.checkAgain(Math.floor(position / blob.pieceLength)) };
}
