/**
 * Reads manifests and image configs of one repository, each once a job, and counts what the origin sent.
 * Decides that bytes match their digest. Does not choose between platforms.
 */
import {
  type Descriptor,
  type Digest,
  formatReference,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  matchesDigest,
  parseImageConfig,
  parseManifest,
  type Reference,
} from '@shoal/oci';
import type { ImageSource, ResolvedManifest } from '@shoal/registry';
import { TrackerError } from '../errors.ts';

export interface ReadManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
  document: ImageManifest | ImageIndex;
}

export interface ReadConfig {
  digest: Digest;
  bytes: Buffer;
  config: ImageConfig;
}

export interface ImageReader {
  root(): Promise<ReadManifest>;
  manifest(digest: Digest): Promise<ReadManifest>;
  config(descriptor: Descriptor): Promise<ReadConfig>;
  readonly originBytes: number;
}

/** `known` has documents read before; what it has is not read from the origin again. */
export function createImageReader(
  source: ImageSource,
  reference: Reference,
  known: (digest: string) => Buffer | undefined,
): ImageReader {
  const { repository } = reference;
  const manifests = new Map<string, Promise<ReadManifest>>();
  const configs = new Map<string, Promise<ReadConfig>>();
  let root: Promise<ReadManifest> | undefined;
  let originBytes = 0;
  const read = (resolved: ResolvedManifest): ReadManifest => {
    originBytes += resolved.bytes.length;
    return { ...resolved, document: parseManifest(resolved.bytes, resolved.mediaType) };
  };
  return {
    // Once for all platforms: the tag may move in between.
    root: () => {
      root ??= source.resolve(reference).then(read);
      return root;
    },
    manifest: (digest) => once(manifests, digest, async () => read(await source.manifest(repository, digest))),
    config: (descriptor) =>
      once(configs, descriptor.digest, async () => {
        const before = known(descriptor.digest);
        const bytes = before ?? (await readSmallBlob(source, reference, descriptor));
        if (before === undefined) originBytes += bytes.length;
        return { digest: descriptor.digest, bytes, config: parseImageConfig(bytes) };
      }),
    get originBytes() {
      return originBytes;
    },
  };
}

function once<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found) return found;
  const reading = read();
  known.set(key, reading);
  return reading;
}

/** `parseManifest` has capped the size a config may claim; the source holds to the claimed size. */
async function readSmallBlob(source: ImageSource, reference: Reference, blob: Descriptor): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.readBlob(reference.repository, blob)) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  if (matchesDigest(bytes, blob.digest)) return bytes;
  throw new TrackerError('DIGEST_MISMATCH', `image config ${blob.digest} of ${formatReference(reference)}`);
}
