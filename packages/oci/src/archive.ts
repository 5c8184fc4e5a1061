/**
 * The hybrid archive for `docker load`: one list of entries that is both an OCI image layout and
 * a docker archive, with the registry's own blobs as they are. Leaves out layers whose chain the
 * engine has (thin). Decides paths, documents and order; writes no tar and reads no blob.
 */
import type { ImageLayer } from './chain-id.ts';
import { imageLayers } from './chain-id.ts';
import type { Descriptor } from './descriptor.ts';
import type { ChainId, Digest } from './digest.ts';
import { digestAlgorithm, digestHex, digestOf, matchesDigest } from './digest.ts';
import { OciError } from './errors.ts';
import { parseImageConfig } from './image-config.ts';
import type { ImageManifest } from './manifest.ts';
import { parseManifest } from './manifest.ts';
import { bareMediaType, isForeignLayer } from './media-types.ts';
import type { Reference } from './reference.ts';
import { engineName, formatReference } from './reference.ts';

/** `size` is the entry's length in bytes; a tar needs a PAX size from 8 GiB on. */
export type ArchiveEntry = { path: string; size: number } & ({ bytes: Uint8Array } | { blob: Digest });

export interface ArchiveInput {
  reference: Reference;
  manifest: { bytes: Uint8Array; mediaType: string };
  /** The exact config blob: its digest becomes the image ID. */
  config: Uint8Array;
  /** Layers whose chain is in here are left out. Empty for a full archive. */
  presentChains: ReadonlySet<ChainId>;
}

/**
 * Order: oci-layout, index.json, manifest blob, config blob, layer blobs, manifest.json. A blob
 * that several layers share stands in it once.
 * @throws OciError CONFIG_MISMATCH, LAYERS_MISMATCH and what parsing throws
 */
export function planArchive(input: ArchiveInput): ArchiveEntry[] {
  const manifest = parseSingleManifest(input.manifest);
  checkConfigIsNamed(manifest, input.config);
  const layers = imageLayers(manifest, parseImageConfig(input.config));
  const manifestDigest = digestOf(input.manifest.bytes);
  return [
    documentEntry('oci-layout', { imageLayoutVersion: '1.0.0' }),
    documentEntry('index.json', layoutIndex(input.reference, manifestDescriptor(manifest, manifestDigest, input))),
    bytesEntry(blobPath(manifestDigest), input.manifest.bytes),
    bytesEntry(blobPath(manifest.config.digest), input.config),
    ...layerEntries(layers, input.presentChains, new Set([manifestDigest, manifest.config.digest])),
    documentEntry('manifest.json', dockerManifest(input.reference, manifest, layers)),
  ];
}

/** Where a blob stands in an OCI image layout. */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

function parseSingleManifest({ bytes, mediaType }: ArchiveInput['manifest']): ImageManifest {
  const manifest = parseManifest(bytes, mediaType);
  if (manifest.kind === 'manifest') return manifest;
  throw new OciError(
    'UNSUPPORTED_MANIFEST',
    'an archive holds the manifest of one platform, and this is an index: choose a platform first',
  );
}

function checkConfigIsNamed(manifest: ImageManifest, config: Uint8Array): void {
  if (config.byteLength === manifest.config.size && matchesDigest(config, manifest.config.digest)) return;
  throw new OciError(
    'CONFIG_MISMATCH',
    `the manifest names the config ${manifest.config.digest} of ${manifest.config.size} bytes; these ${config.byteLength} bytes are ${digestOf(config)}`,
  );
}

function manifestDescriptor(manifest: ImageManifest, digest: Digest, input: ArchiveInput): Descriptor {
  return { mediaType: bareMediaType(manifest.mediaType), digest, size: input.manifest.bytes.byteLength };
}

/** What the containerd image store reads. Without a tag there is no name to give. */
function layoutIndex({ registry, repository, tag }: Reference, manifest: Descriptor): object {
  const named = tag !== undefined && {
    annotations: {
      'io.containerd.image.name': formatReference({ registry, repository, tag }),
      'org.opencontainers.image.ref.name': tag,
    },
  };
  return {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...manifest, ...named }],
  };
}

/** What the classic store reads: every layer's path stands here, also of those left out. */
function dockerManifest(reference: Reference, manifest: ImageManifest, layers: ImageLayer[]): object {
  const foreign = layers.filter((layer) => isForeignLayer(layer.descriptor));
  const sources = foreign.map(({ diffId, descriptor: { mediaType, size, digest, urls } }) => [
    diffId,
    { mediaType, size, digest, urls },
  ]);
  return [
    {
      Config: blobPath(manifest.config.digest),
      RepoTags: reference.tag === undefined ? null : [engineName(reference)],
      Layers: layers.map((layer) => blobPath(layer.descriptor.digest)),
      ...(sources.length > 0 && { LayerSources: Object.fromEntries(sources) }),
    },
  ];
}

function layerEntries(layers: ImageLayer[], presentChains: ReadonlySet<ChainId>, written: Set<Digest>): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  for (const {
    chainId,
    descriptor: { digest, size },
  } of layers) {
    if (presentChains.has(chainId) || written.has(digest)) continue;
    written.add(digest);
    entries.push({ path: blobPath(digest), size, blob: digest });
  }
  return entries;
}

function documentEntry(path: string, document: object): ArchiveEntry {
  return bytesEntry(path, Buffer.from(JSON.stringify(document)));
}

function bytesEntry(path: string, bytes: Uint8Array): ArchiveEntry {
  return { path, size: bytes.byteLength, bytes };
}
