/*
 * An image source whose one layer is computed as it is read: an origin of any size that takes no room on a disk.
 */
import { keyStream } from '../harness/blob.mjs';
import { oneLayerImage } from './one-layer-image.mjs';

const CIPHER_BLOCK_BYTES = 16;

/** @param {{ keyHex: string, digest: string, sizeBytes: number }} layer @returns {any} an ImageSource of @shoal/registry */
export function createGeneratedSource({ keyHex, digest, sizeBytes }) {
  const key = Buffer.from(keyHex, 'hex');
  const { manifest, config } = oneLayerImage({ digest, sizeBytes });
  const resolved = { ...manifest.descriptor, bytes: manifest.bytes };
  return {
    name: 'generated',
    resolve: async () => resolved,
    manifest: async () => resolved,
    async *readBlob(/** @type {string} */ _repository, /** @type {any} */ blob, { offset = 0 } = {}) {
      if (blob.digest === config.descriptor.digest) return void (yield config.bytes.subarray(offset));
      const skip = offset % CIPHER_BLOCK_BYTES;
      let first = skip;
      for (const chunk of keyStream(key, offset - skip, sizeBytes)) {
        yield chunk.subarray(first);
        first = 0;
      }
    },
    close: async () => {},
  };
}
