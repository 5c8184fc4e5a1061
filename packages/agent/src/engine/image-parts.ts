/**
 * The parts of one image as the exits get them, and the check that they belong together.
 *
 * Decides which layer blobs an engine lacks. Reads no blob.
 */

import {
  type ArchiveEntry,
  type ChainId,
  type Descriptor,
  type Digest,
  imageLayers,
  matchesDigest,
  OciError,
  parseImageConfig,
  parseManifest,
  planArchive,
  type Reference,
} from '@shoal/oci';
import { EngineError } from './errors.ts';

export interface ImageParts {
  reference: Reference;
  manifest: { bytes: Uint8Array; mediaType: string; digest: Digest };
  config: { bytes: Uint8Array; digest: Digest };
}

/** The entries of the archive; throws INVALID_IMAGE when manifest and config are not what their digests say. */
export function planEntries(image: ImageParts, presentChains: ReadonlySet<ChainId>): ArchiveEntry[] {
  const { reference, manifest, config } = image;
  if (!matchesDigest(manifest.bytes, manifest.digest)) throw notItsDigest('manifest', manifest.digest);
  if (!matchesDigest(config.bytes, config.digest)) throw notItsDigest('config', config.digest);
  return inOurWords(() => planArchive({ reference, manifest, config: config.bytes, presentChains }));
}

/** The layer blobs among the entries. */
export function layersOf(entries: readonly ArchiveEntry[]): Digest[] {
  return entries.flatMap((entry) => ('blob' in entry ? [entry.blob] : []));
}

/** The layers whose chain is absent, each blob once, in the manifest's order. */
export function layersWithout(
  image: Pick<ImageParts, 'manifest' | 'config'>,
  presentChains: ReadonlySet<ChainId>,
): Descriptor[] {
  const missing = new Map<Digest, Descriptor>();
  for (const { chainId, descriptor } of readLayers(image)) {
    if (!presentChains.has(chainId) && !missing.has(descriptor.digest)) missing.set(descriptor.digest, descriptor);
  }
  return [...missing.values()];
}

function readLayers({ manifest, config }: Pick<ImageParts, 'manifest' | 'config'>) {
  return inOurWords(() => {
    const parsed = parseManifest(manifest.bytes, manifest.mediaType);
    if (parsed.kind === 'index') throw new EngineError('INVALID_IMAGE', 'an index is not one image; choose a platform');
    return imageLayers(parsed, parseImageConfig(config.bytes));
  });
}

function inOurWords<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OciError) throw new EngineError('INVALID_IMAGE', error.message, { cause: error });
    throw error;
  }
}

function notItsDigest(part: string, digest: Digest): EngineError {
  return new EngineError('INVALID_IMAGE', `the bytes of the ${part} are not ${digest}`, { digest });
}
