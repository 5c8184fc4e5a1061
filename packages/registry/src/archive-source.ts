/**
 * A tar as a source of images: what `docker save` wrote, old form or new, or an OCI layout in a tar.
 * Decides which of the two readings applies; an OCI index wins, for its manifests are the registry's own.
 */

import { readDockerImages } from './docker-archive.ts';
import { RegistryError } from './errors.ts';
import { badTree } from './file-tree.ts';
import { readLayoutImages } from './layout-images.ts';
import { createLocalSource, type LocalImages } from './local-source.ts';
import type { ImageSource } from './source.ts';
import { openTarTree, type TarTree } from './tar-tree.ts';

/** Throws BAD_ARCHIVE. The file stays open until `close`. */
export async function openArchiveSource(file: string): Promise<ImageSource> {
  const tree = await openTarTree(file);
  try {
    return createLocalSource(tree, await readImages(tree));
  } catch (error) {
    await tree.close();
    throw error instanceof RegistryError ? error : badTree(tree, 'cannot be read.', error);
  }
}

async function readImages(tree: TarTree): Promise<LocalImages> {
  if ((await tree.sizeOf('index.json')) !== undefined) return readLayoutImages(tree);
  const images = await readDockerImages(tree);
  if (images) return images;
  const paths = tree.somePaths();
  const held = paths.length === 0 ? 'It is empty.' : `It begins with ${paths.map((path) => `"${path}"`).join(', ')}.`;
  throw badTree(
    tree,
    `holds no image: neither manifest.json nor index.json is in it. ${held} Use docker save, not docker export.`,
  );
}
