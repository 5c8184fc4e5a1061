/**
 * From an index, nested or not, to the one manifest a host runs.
 * `@shoal/oci` judges entries; this walks from document to document until one holds.
 */
import { checkConfigPlatform, choosePlatform, OciError, type Platform, platformCandidates } from '@shoal/oci';
import type { ImageReader, ReadManifest } from './image-reader.ts';

const MAX_DEPTH = 4;

/** Throws OciError NO_PLATFORM with the platforms there are. */
export async function chooseManifest(reader: ImageReader, host: Platform): Promise<ReadManifest> {
  return await descend(reader, await reader.root(), { host, depth: 0, named: false });
}

interface Walk {
  host: Platform;
  depth: number;
  /** An index on the way named the platform; else the image's own config must suit the host. */
  named: boolean;
}

async function descend(reader: ImageReader, at: ReadManifest, walk: Walk): Promise<ReadManifest> {
  const { document } = at;
  if (document.kind === 'manifest') {
    if (!walk.named) checkConfigPlatform((await reader.config(document.config)).config, walk.host);
    return at;
  }
  if (walk.depth >= MAX_DEPTH) {
    throw new OciError('UNSUPPORTED_MANIFEST', `the index ${at.digest} is nested more than ${MAX_DEPTH} levels deep`);
  }
  let deadEnd: unknown;
  for (const entry of platformCandidates(document, walk.host)) {
    const named = walk.named || entry.platform !== undefined;
    const next = { host: walk.host, depth: walk.depth + 1, named };
    try {
      return await descend(reader, await reader.manifest(entry.digest), next);
    } catch (error) {
      if (!(error instanceof OciError && error.code === 'NO_PLATFORM')) throw error;
      deadEnd ??= error;
    }
  }
  if (deadEnd !== undefined) throw deadEnd;
  choosePlatform(document, walk.host); // no candidate: throws, naming the platforms there are
  throw new Error('choosePlatform chose what platformCandidates did not');
}
