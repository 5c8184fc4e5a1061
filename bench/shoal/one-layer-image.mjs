/*
 * An image of one layer, or of several, as documents: what an OCI layout or a source made of nothing holds beside the layer itself.
 */
import { createHash } from 'node:crypto';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

export const REFERENCE = 'registry.bench/team/blob:1';

/** @param {{ digest: string, sizeBytes: number }} layer */
export function oneLayerImage(layer) {
  return layeredImage([layer]);
}

/** @param {readonly { digest: string, sizeBytes: number }[]} layers */
export function layeredImage(layers) {
  const config = document(CONFIG_TYPE, {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = document(MANIFEST_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: config.descriptor,
    layers: layers.map(({ digest, sizeBytes }) => ({ mediaType: LAYER_TYPE, digest, size: sizeBytes })),
  });
  return { manifest, config };
}

/** @param {string} mediaType @param {object} value */
function document(mediaType, value) {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
}
