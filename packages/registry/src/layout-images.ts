/**
 * Which images an OCI image layout holds (OCI image-layout spec), in a folder or in a tar, and under which names.
 * Does not read the manifests themselves.
 */
import { type Descriptor, type ImageIndex, MAX_MANIFEST_BYTES, OCI_INDEX, parseManifest } from '@shoal/oci';
import { badTree, type FileTree, readWhole } from './file-tree.ts';
import { canonicalName, type LocalImage, type LocalImages } from './local-source.ts';

/** Set by containerd and by `docker save`: the full reference. */
const CONTAINERD_NAME = 'io.containerd.image.name';
/** OCI: often only the tag, but tools write whole references too. */
const OCI_REF_NAME = 'org.opencontainers.image.ref.name';

/** Throws the tree's code when there is no index or it is broken. */
export async function readLayoutImages(tree: FileTree): Promise<LocalImages> {
  const bytes = await readWhole(tree, 'index.json', MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw badTree(tree, 'has no index.json: it is no OCI image layout.');
  const index = parseIndex(tree, bytes);
  return { images: index.manifests.map(imageOf), madeManifests: new Map(), blobPaths: new Map() };
}

function parseIndex(tree: FileTree, bytes: Buffer): ImageIndex {
  let parsed: ReturnType<typeof parseManifest>;
  try {
    parsed = parseManifest(bytes, OCI_INDEX);
  } catch (cause) {
    throw badTree(tree, `its index.json cannot be used: ${cause instanceof Error ? cause.message : 'unknown'}.`, cause);
  }
  if (parsed.kind !== 'index') throw badTree(tree, 'its index.json is a manifest, not an index.');
  return parsed;
}

function imageOf({ digest, mediaType, annotations = {} }: Descriptor): LocalImage {
  const full = annotations[CONTAINERD_NAME];
  const reference = full ?? annotations[OCI_REF_NAME];
  if (reference === undefined) return { names: [], bareTags: [], digest, mediaType };
  // With the full name there, the other annotation is but its tag, and would fit other repositories' images.
  const name = full !== undefined || /[/:]/.test(reference) ? canonicalName(reference) : undefined;
  return name === undefined
    ? { names: [], bareTags: [reference], digest, mediaType }
    : { names: [name], bareTags: [], digest, mediaType };
}
