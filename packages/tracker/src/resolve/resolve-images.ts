/**
 * Turns the references of a new job into the manifests its hosts run, one a platform.
 * Decides what a job holds on to: digests and bytes, so that a tag that moves does not change a job.
 */
import {
  type Descriptor,
  describePlatform,
  formatReference,
  imageLayers,
  OciError,
  type Platform,
  parseReference,
  type Reference,
} from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import { chooseManifest } from './choose-manifest.ts';
import { createImageReader, type ImageReader, type ReadManifest } from './image-reader.ts';

/** `authorization`: of somebody else, shown to the registry in place of the tracker's own account. */
export type OpenSource = (registryHost: string, authorization?: string) => Promise<ImageSource>;

/** Where documents come from: a registry, and what earlier jobs have left of them. */
export interface DocumentSources {
  openSource: OpenSource;
  /** Bytes by digest. The tag was resolved at the registry just now, so what it names need not be read again. */
  knownDocument(digest: string): Buffer | undefined;
}

/** One manifest with its config, as the `job` message carries them. */
export interface ImageVariant {
  manifest: { digest: string; mediaType: string; bytes: Buffer };
  config: { digest: string; bytes: Buffer };
  layers: Descriptor[];
  /** Compressed layers, each digest once, and the image config. */
  imageBytes: number;
}

export interface ResolvedImage {
  /** In full: `docker.io/library/nginx:latest`. */
  reference: string;
  registry: string;
  repository: string;
  variants: ImageVariant[];
}

export interface Resolution {
  image: ResolvedImage;
  /** By platform key: index into `image.variants`, or why there is none for this platform. */
  choices: Map<string, number | OciError>;
  originBytes: number;
}

/** Hosts with one key run the same manifest of every image. */
export function platformKey(platform: Platform): string {
  return describePlatform(platform);
}

/** Each image once, in the order given. Throws OciError INVALID_REFERENCE. */
export function parseReferences(texts: readonly string[]): Reference[] {
  const byText = new Map(texts.map(parseReference).map((reference) => [formatReference(reference), reference]));
  return [...byText.values()];
}

/** Throws what the source throws; a platform without a manifest is a choice, not a failure. */
export async function resolveImage(
  sources: DocumentSources,
  reference: Reference,
  platforms: readonly Platform[],
): Promise<Resolution> {
  const source = await sources.openSource(reference.registry);
  const reader = createImageReader(source, reference, sources.knownDocument);
  const image: ResolvedImage = {
    reference: formatReference(reference),
    registry: reference.registry,
    repository: reference.repository,
    variants: [],
  };
  const choices: Resolution['choices'] = new Map();
  for (const platform of platforms) {
    const key = platformKey(platform);
    if (!choices.has(key)) choices.set(key, await choose(reader, image.variants, platform));
  }
  return { image, choices, originBytes: reader.originBytes };
}

async function choose(reader: ImageReader, variants: ImageVariant[], platform: Platform): Promise<number | OciError> {
  try {
    const manifest = await chooseManifest(reader, platform);
    const known = variants.findIndex((variant) => variant.manifest.digest === manifest.digest);
    return known >= 0 ? known : variants.push(await variantOf(reader, manifest)) - 1;
  } catch (error) {
    if (error instanceof OciError && error.code === 'NO_PLATFORM') return error;
    throw error;
  }
}

async function variantOf(reader: ImageReader, manifest: ReadManifest): Promise<ImageVariant> {
  const { document } = manifest;
  if (document.kind !== 'manifest') throw new Error('an index was chosen for a host');
  const config = await reader.config(document.config);
  imageLayers(document, config.config); // throws when the two do not belong together
  return {
    manifest: { digest: manifest.digest, mediaType: manifest.mediaType, bytes: manifest.bytes },
    config: { digest: config.digest, bytes: config.bytes },
    layers: document.layers,
    imageBytes: imageBytesOf(document.layers, config.bytes.length),
  };
}

export function imageBytesOf(layers: readonly Descriptor[], configBytes: number): number {
  const sizes = new Map(layers.map((layer) => [layer.digest, layer.size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, configBytes);
}
