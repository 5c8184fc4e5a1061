/**
 * Which images a `docker save` archive without an OCI index holds (Docker < 25, skopeo, podman, kaniko), and the
 * manifest each would have in a registry: its config and layers as they stand in the tar.
 * Layers are not recompressed, so a layer's digest differs from the one it was once pulled under.
 */
import { createHash } from 'node:crypto';
import {
  type Digest,
  DOCKER_CONFIG,
  DOCKER_LAYER_TAR,
  DOCKER_MANIFEST,
  digestOf,
  type ImageConfig,
  MAX_CONFIG_BYTES,
  parseDigest,
  parseImageConfig,
} from '@shoal/oci';
import { badTree, type FileTree, readWhole } from './file-tree.ts';
import { canonicalName, type LocalImage, type LocalImages } from './local-source.ts';
import type { ResolvedManifest } from './source.ts';

const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** An entry of `manifest.json` as `docker save` writes it. */
interface SavedImage {
  config: string;
  repoTags: string[];
  layers: string[];
}

interface LayerDescriptor {
  mediaType: string;
  size: number;
  digest: Digest;
}

/** Undefined when there is no `manifest.json`. Throws BAD_ARCHIVE. */
export async function readDockerImages(tree: FileTree): Promise<LocalImages | undefined> {
  const bytes = await readWhole(tree, 'manifest.json', MAX_LIST_BYTES);
  if (bytes === undefined) return undefined;
  const images: LocalImage[] = [];
  const madeManifests = new Map<Digest, ResolvedManifest>();
  const blobPaths = new Map<Digest, string>();
  for (const saved of parseList(tree, bytes)) {
    const made = await makeManifest(tree, { saved, blobPaths });
    madeManifests.set(made.digest, made);
    const names = saved.repoTags.map(canonicalName).filter((name) => name !== undefined);
    images.push({ names, bareTags: [], digest: made.digest, mediaType: made.mediaType });
  }
  return { images, madeManifests, blobPaths };
}

function parseList(tree: FileTree, bytes: Buffer): SavedImage[] {
  let list: unknown;
  try {
    list = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw badTree(tree, 'its manifest.json is no JSON. Save the image again.', cause);
  }
  if (!Array.isArray(list)) throw badTree(tree, 'its manifest.json is no list: this is not what docker save writes.');
  return list.map((entry: unknown) => {
    const { Config, RepoTags, Layers } = (entry ?? {}) as Record<string, unknown>;
    const repoTags = RepoTags ?? [];
    if (typeof Config !== 'string' || !isTextList(Layers) || !isTextList(repoTags)) {
      throw badTree(tree, 'its manifest.json lacks Config or Layers: this is not what docker save writes.');
    }
    return { config: Config, layers: Layers, repoTags };
  });
}

async function makeManifest(
  tree: FileTree,
  { saved, blobPaths }: { saved: SavedImage; blobPaths: Map<Digest, string> },
): Promise<ResolvedManifest> {
  const configBytes = await readWhole(tree, saved.config, MAX_CONFIG_BYTES);
  if (configBytes === undefined)
    throw badTree(tree, `lacks ${saved.config}, which its manifest.json names. Save it again.`);
  const { diffIds } = parseConfig(tree, configBytes);
  if (diffIds.length !== saved.layers.length) {
    throw badTree(tree, `its image has ${diffIds.length} diffIDs but ${saved.layers.length} layers. Save it again.`);
  }
  const config = { mediaType: DOCKER_CONFIG, size: configBytes.length, digest: digestOf(configBytes) };
  blobPaths.set(config.digest, saved.config);
  const layers: LayerDescriptor[] = [];
  for (const [index, path] of saved.layers.entries()) {
    const layer = await describeLayer(tree, path, parseDigest(diffIds[index] as string));
    blobPaths.set(layer.digest, path);
    layers.push(layer);
  }
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: DOCKER_MANIFEST, config, layers }));
  return { digest: digestOf(bytes), mediaType: DOCKER_MANIFEST, bytes };
}

function parseConfig(tree: FileTree, bytes: Buffer): ImageConfig {
  try {
    return parseImageConfig(bytes);
  } catch (cause) {
    throw badTree(tree, `${cause instanceof Error ? cause.message : 'its image config is broken'}.`, cause);
  }
}

/** An uncompressed layer's digest is its diffID, known without reading it; a compressed one is hashed here, once. */
async function describeLayer(tree: FileTree, path: string, diffId: Digest): Promise<LayerDescriptor> {
  const size = await tree.sizeOf(path);
  if (size === undefined) throw badTree(tree, `lacks ${path}, a layer its manifest.json names. Save it again.`);
  const compression = await compressionOf(tree, { path, size });
  if (compression === undefined) return { mediaType: DOCKER_LAYER_TAR, size, digest: diffId };
  const hash = createHash('sha256');
  for await (const chunk of tree.read(path, { start: 0, end: size })) hash.update(chunk);
  const digest = parseDigest(`sha256:${hash.digest('hex')}`);
  return { mediaType: `${DOCKER_LAYER_TAR}.${compression}`, size, digest };
}

async function compressionOf(
  tree: FileTree,
  { path, size }: { path: string; size: number },
): Promise<string | undefined> {
  for await (const start of tree.read(path, { start: 0, end: Math.min(4, size) })) {
    const magic = Buffer.from(start).toString('hex');
    if (magic.startsWith('1f8b')) return 'gzip';
    if (magic === '28b52ffd') return 'zstd';
  }
  return undefined;
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
