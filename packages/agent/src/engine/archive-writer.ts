/**
 * Turns the planned entries of an archive into tar bytes.
 *
 * A generator, so that whoever reads (engine, file) sets the pace down to the source of each blob, and stopping it stops
 * everything. The layout of the archive is decided by `planArchive` of @shoal/oci.
 */

import type { ArchiveEntry, Digest } from '@shoal/oci';
import { TAR_END, tarHeader, tarPadding } from './tar-format.ts';
import { verifiedBlob } from './verified-blob.ts';

/** Yields a blob's bytes from its start, in order. */
export type ReadBlob = (digest: Digest) => AsyncIterable<Uint8Array>;

/** Ends early with an EngineError when a blob is not what its digest says: the tar is then visibly incomplete. */
export async function* writeArchive(
  entries: readonly ArchiveEntry[],
  readBlob: ReadBlob,
): AsyncGenerator<Uint8Array, void> {
  for (const entry of entries) {
    yield tarHeader({ path: entry.path, sizeBytes: entry.size });
    if ('bytes' in entry) yield entry.bytes;
    else yield* verifiedBlob(readBlob(entry.blob), { digest: entry.blob, sizeBytes: entry.size });
    const padding = tarPadding(entry.size);
    if (padding.length > 0) yield padding;
  }
  yield TAR_END;
}

/** Exactly how long `writeArchive` will be, in bytes. */
export function archiveSizeBytes(entries: readonly ArchiveEntry[]): number {
  let total = TAR_END.length;
  for (const entry of entries) {
    const header = tarHeader({ path: entry.path, sizeBytes: entry.size });
    total += header.length + entry.size + tarPadding(entry.size).length;
  }
  return total;
}
