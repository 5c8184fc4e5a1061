/**
 * An OCI image layout folder as a source of images.
 */
import { badTree, readWhole } from './file-tree.ts';
import { createFolderTree } from './folder-tree.ts';
import { readLayoutImages } from './layout-images.ts';
import { createLocalSource } from './local-source.ts';
import type { ImageSource } from './source.ts';

const MAX_MARKER_BYTES = 64 * 1024;

/** Throws BAD_LAYOUT. Its blobs are looked for when they are read. */
export async function openLayoutSource(folder: string): Promise<ImageSource> {
  const tree = await createFolderTree(folder);
  const marker = await readWhole(tree, 'oci-layout', MAX_MARKER_BYTES);
  if (marker === undefined) throw badTree(tree, 'is no OCI image layout: there is no file oci-layout in it.');
  if (!/"imageLayoutVersion"\s*:\s*"1\./.test(marker.toString('utf8'))) {
    throw badTree(tree, 'its oci-layout names no version 1 of the layout.');
  }
  return createLocalSource(tree, await readLayoutImages(tree));
}
