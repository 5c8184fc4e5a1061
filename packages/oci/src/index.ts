/** The public face of @shoal/oci: OCI and Docker image data, from bytes to types. */
export type { ArchiveEntry, ArchiveInput } from './archive.ts';
export { blobPath, planArchive } from './archive.ts';
export type { ImageLayer } from './chain-id.ts';
export { chainIds, imageLayers } from './chain-id.ts';
export type { Descriptor, Platform } from './descriptor.ts';
export type { ChainId, DiffId, Digest, DigestAlgorithm } from './digest.ts';
export { digestAlgorithm, digestHex, digestOf, isDigest, matchesDigest, parseDiffId, parseDigest } from './digest.ts';
export type { OciErrorCode } from './errors.ts';
export { OCI_ERRORS, OciError } from './errors.ts';
export type { ImageDocuments } from './first-layers.ts';
export { imageOfFirstLayers } from './first-layers.ts';
export type { ImageConfig } from './image-config.ts';
export { parseImageConfig } from './image-config.ts';
export type { ImageIndex, ImageManifest } from './manifest.ts';
export { MAX_CONFIG_BYTES, MAX_LAYERS, MAX_MANIFEST_BYTES, parseManifest } from './manifest.ts';
export {
  DOCKER_CONFIG,
  DOCKER_FOREIGN_LAYER,
  DOCKER_LAYER_TAR,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  isForeignLayer,
  isIndexMediaType,
  isManifestMediaType,
  MANIFEST_MEDIA_TYPES,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';
export { checkConfigPlatform, choosePlatform, platformCandidates } from './platform.ts';
export { describePlatform, normalizePlatform } from './platform-names.ts';
export type { Reference } from './reference.ts';
export { engineName, formatReference, isRepository, isTag, parseReference } from './reference.ts';
export { compareWindowsVersions, runsRevision } from './windows-version.ts';
