/**
 * Images that lie on this machine as an ImageSource: by name, by digest, blob by blob.
 * Decides which image a reference means and where a blob's bytes are. What images there are was found out before
 * (layout-images.ts, docker-archive.ts).
 */

import type { Descriptor, Digest, Reference } from '@shoal/oci';
import { blobPath, formatReference, isDigest, MAX_MANIFEST_BYTES, parseReference } from '@shoal/oci';
import { abortedError, RegistryError } from './errors.ts';
import { badTree, checkRange, type FileTree, readWhole } from './file-tree.ts';
import { checkedManifest } from './manifests.ts';
import type { ImageSource, ReadBlobOptions, ResolvedManifest } from './source.ts';

export interface LocalImage {
  /** Full references, canonical. */
  names: string[];
  /** Tags that stand without a repository: they fit any. */
  bareTags: string[];
  digest: Digest;
  mediaType: string;
}

export interface LocalImages {
  images: LocalImage[];
  /** Manifests made up for archives that have none. */
  madeManifests: ReadonlyMap<Digest, ResolvedManifest>;
  /** Blobs that do not stand where an OCI layout has them. */
  blobPaths: ReadonlyMap<Digest, string>;
}

export function createLocalSource(tree: FileTree, { images, madeManifests, blobPaths }: LocalImages): ImageSource {
  const pathOf = (digest: Digest) => blobPaths.get(digest) ?? blobPath(digest);

  async function manifest(digest: Digest, declaredType: string | undefined, signal?: AbortSignal) {
    if (signal?.aborted) throw abortedError(`${tree.name}: ${digest}`, signal.reason);
    if (!isDigest(digest)) throw new RegistryError('INVALID_NAME', `${JSON.stringify(String(digest))} is no digest.`);
    const made = madeManifests.get(digest);
    if (made) return made;
    const subject = `${tree.name}: manifest ${digest}`;
    const bytes = await readWhole(tree, pathOf(digest), MAX_MANIFEST_BYTES);
    if (bytes === undefined)
      throw new RegistryError('UNKNOWN_MANIFEST', `${subject} is not in it. It holds ${listOf(images)}.`);
    return checkedManifest(bytes, { subject, digest, declaredType, badCode: tree.badCode });
  }

  return {
    name: tree.name,
    async resolve(reference: Reference, signal?: AbortSignal) {
      if (reference.digest !== undefined) return manifest(reference.digest, undefined, signal);
      const image = imageNamed(images, reference);
      if (image) return manifest(image.digest, image.mediaType, signal);
      const wanted = formatReference(reference);
      throw new RegistryError(
        'UNKNOWN_MANIFEST',
        `${tree.name}: no image ${wanted} in it. It holds ${listOf(images)}.`,
      );
    },
    manifest: (_repository: string, digest: Digest, signal?: AbortSignal) => manifest(digest, undefined, signal),
    readBlob: (_repository: string, blob: Descriptor, options?: ReadBlobOptions) =>
      readLocalBlob(tree, { blob, path: isDigest(blob.digest) ? pathOf(blob.digest) : '' }, options),
    isCurrent: () => tree.isCurrent(),
    close: () => tree.close(),
  };
}

async function* readLocalBlob(
  tree: FileTree,
  { blob, path }: { blob: Descriptor; path: string },
  { offset = 0, end = blob.size, signal }: ReadBlobOptions = {},
): AsyncGenerator<Uint8Array> {
  if (path === '') throw new RegistryError('INVALID_NAME', `${JSON.stringify(String(blob.digest))} is no digest.`);
  checkRange(blob, { start: offset, end });
  const size = await tree.sizeOf(path);
  if (size === undefined) throw new RegistryError('UNKNOWN_BLOB', `${tree.name}: ${missingBlob(blob)}`);
  if (size !== blob.size) {
    throw badTree(tree, `${path} has ${size} bytes, the manifest says ${blob.size}. Make it again.`);
  }
  yield* tree.read(path, { start: offset, end }, signal);
}

function missingBlob({ digest, urls }: Descriptor): string {
  if (!urls?.length) return `blob ${digest} is not in it. It was left out or lost: make it again.`;
  return `foreign layer ${digest} is not in it. Save the image with its foreign layers.`;
}

/** A named image answers to its names only; one without a name, when it is the only one, to any. */
function imageNamed(images: LocalImage[], reference: Reference): LocalImage | undefined {
  const name = formatReference(reference);
  const tag = reference.tag ?? '';
  const found =
    images.find(({ names }) => names.includes(name)) ?? images.find(({ bareTags }) => bareTags.includes(tag));
  if (found) return found;
  const [only, another] = images;
  return another === undefined && only?.names.length === 0 && only.bareTags.length === 0 ? only : undefined;
}

function listOf(images: LocalImage[]): string {
  if (images.length === 0) return 'no image';
  const shown = images.slice(0, 8).map(({ names, bareTags, digest }) => [...names, ...bareTags][0] ?? digest);
  return images.length > shown.length
    ? `${shown.join(', ')} and ${images.length - shown.length} more`
    : shown.join(', ');
}

/** The canonical form of a name found in an archive; undefined when it is no reference. */
export function canonicalName(text: string): string | undefined {
  try {
    return formatReference(parseReference(text));
  } catch {
    return undefined;
  }
}
