/* An OCI image layout of one layer of random bytes, in a folder. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeRandomBlob } from '../harness/blob.mjs';
import { oneLayerImage } from './one-layer-image.mjs';

/**
 * @param {string} folder @param {number} sizeBytes @param {number} [pieceBytes] of the blob's SHA-1 list
 * @returns {Promise<{ folder: string, blobFile: string, blob: import('../harness/blob.mjs').BlobFacts }>}
 */
export async function writeLayout(folder, sizeBytes, pieceBytes) {
  const blobs = path.join(folder, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const blob = await writeRandomBlob(path.join(folder, 'new'), sizeBytes, pieceBytes);
  const place = (/** @type {string} */ digest) => path.join(blobs, digest.slice('sha256:'.length));
  await rename(path.join(folder, 'new'), place(blob.digest));
  const { manifest, config } = oneLayerImage(blob);
  for (const { bytes, descriptor } of [manifest, config]) await writeFile(place(descriptor.digest), bytes);
  await writeFile(path.join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    path.join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [manifest.descriptor] }),
  );
  return { folder, blobFile: place(blob.digest), blob };
}
