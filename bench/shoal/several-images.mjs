/*
 * Images of several layers by reference, each layer computed as it is read: an origin of any size that takes no room on
 * a disk.
 */
import { makeGeneratedImage } from './generated-image.mjs';
import { createGeneratedSource } from './generated-source.mjs';
import { layeredImage } from './one-layer-image.mjs';

/**
 * @typedef {{ keyHex: string, digest: string, sizeBytes: number }} Layer
 * @typedef {readonly { reference: string, layers: readonly Layer[] }[]} SeveralImages
 */

/** @param {{ references: readonly string[], layers: number, layerBytes: number }} wanted @returns {SeveralImages} */
export function makeSeveralImages({ references, layers, layerBytes }) {
  return references.map((reference) => ({
    reference,
    layers: Array.from({ length: layers }, () => makeGeneratedImage(layerBytes).generated),
  }));
}

/** @param {SeveralImages} several @returns {any} an ImageSource of @shoal/registry */
export function createSeveralImages(several) {
  const images = several.map(({ reference, layers }) => {
    const { manifest, config } = layeredImage(layers);
    return { reference, layers, config, resolved: { ...manifest.descriptor, bytes: manifest.bytes } };
  });
  /** @param {(image: typeof images[number]) => boolean} isIt */
  const find = (isIt) => {
    const image = images.find(isIt);
    if (image === undefined) throw new Error('no such image in the generated source');
    return image;
  };
  return {
    name: 'generated',
    resolve: async (/** @type {any} */ { repository, tag }) =>
      find(({ reference }) => reference.endsWith(`/${repository}:${tag}`)).resolved,
    manifest: async (/** @type {string} */ _repository, /** @type {string} */ digest) =>
      find(({ resolved }) => resolved.digest === digest).resolved,
    async *readBlob(/** @type {string} */ repository, /** @type {any} */ blob, { offset = 0 } = {}) {
      const config = images.find((image) => image.config.descriptor.digest === blob.digest)?.config;
      if (config !== undefined) return void (yield config.bytes.subarray(offset));
      const layer = images.flatMap(({ layers }) => layers).find(({ digest }) => digest === blob.digest);
      if (layer === undefined) throw new Error('no such layer in the generated source');
      yield* createGeneratedSource(layer).readBlob(repository, blob, { offset });
    },
    sizeOf: (/** @type {string} */ digest) => {
      const all = images.flatMap(({ config: { descriptor }, layers }) => [
        { digest: descriptor.digest, sizeBytes: descriptor.size },
        ...layers,
      ]);
      const found = all.find((one) => one.digest === digest);
      if (found === undefined) throw new Error('no such blob in the generated source');
      return found.sizeBytes;
    },
    close: async () => {},
  };
}
