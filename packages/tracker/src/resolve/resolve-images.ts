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
  parseDigest,
  parseImageConfig,
  parseReference,
  type Reference,
  runsRevision,
} from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import type { SessionError } from '../client/shapes.ts';
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
  /** Digest of the manifest or index that the reference named. */
  root: string;
  variants: ImageVariant[];
  /** By platform key. */
  choices: Record<string, Choice>;
}

/** What hosts of one platform get. With an error `variant` is what they would get by force; null: nothing. */
export interface Choice {
  variant: number | null;
  error?: SessionError;
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

/**
 * Returns the image and what its origin sent. Throws what the source throws; a platform without a manifest is a choice,
 * not a failure.
 */
export async function resolveImage(
  sources: DocumentSources,
  reference: Reference,
  platforms: readonly Platform[],
): Promise<{ image: ResolvedImage; originBytes: number }> {
  const image: ResolvedImage = {
    reference: formatReference(reference),
    registry: reference.registry,
    repository: reference.repository,
    ...{ root: '', variants: [], choices: {} },
  };
  return { image, originBytes: await choosePlatforms(sources, image, platforms) };
}

/**
 * Adds to the image what hosts of more platforms get; of an image that was resolved before, by its digest. Returns what
 * the origin sent.
 */
export async function choosePlatforms(
  sources: DocumentSources,
  image: ResolvedImage,
  platforms: readonly Platform[],
): Promise<number> {
  const named = parseReference(image.reference);
  const reference = image.root === '' ? named : { ...named, tag: undefined, digest: parseDigest(image.root) };
  const source = await sources.openSource(image.registry);
  const reader = createImageReader(source, reference, sources.knownDocument);
  image.root = (await reader.root()).digest;
  for (const platform of platforms) {
    image.choices[platformKey(platform)] ??= await choose(reader, image.variants, platform);
  }
  return reader.originBytes;
}

async function choose(reader: ImageReader, variants: ImageVariant[], platform: Platform): Promise<Choice> {
  try {
    const manifest = await chooseManifest(reader, platform);
    const known = variants.findIndex((variant) => variant.manifest.digest === manifest.digest);
    const variant = known >= 0 ? known : variants.push(await variantOf(reader, manifest)) - 1;
    const osVersion = parseImageConfig(variants[variant]?.config.bytes ?? Buffer.alloc(0)).osVersion;
    if (runsRevision(osVersion, platform.osVersion)) return { variant };
    const text = `the image is for Windows ${osVersion}, the host is ${platform.osVersion}: on this build the revision must be the same`;
    return { variant, error: { code: 'INCOMPATIBLE', text, retryable: false } };
  } catch (error) {
    if (!(error instanceof OciError && error.code === 'NO_PLATFORM')) throw error;
    return { variant: null, error: { code: error.code, text: error.message, retryable: false } };
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
