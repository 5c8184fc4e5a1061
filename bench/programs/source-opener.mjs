/* Where the tracker and the seeder of a bench read the image. */
import { createRegistrySource, openLayoutSource } from '@shoal/registry';
import { createGeneratedSource } from '../shoal/generated-source.mjs';
import { createSeveralImages } from '../shoal/several-images.mjs';

/** @typedef {import('../shoal/several-images.mjs').SeveralImages} SeveralImages */

/** @param {{ layout?: string, generated?: { keyHex: string, digest: string, sizeBytes: number }, several?: SeveralImages, registry?: { host: string, url: string } }} source */
export function sourceOpener({ layout, generated, several, registry }) {
  return async () => {
    if (layout !== undefined) return openLayoutSource(layout);
    if (generated !== undefined) return createGeneratedSource(generated);
    if (several !== undefined) return createSeveralImages(several);
    if (registry !== undefined) return createRegistrySource(registry);
    throw new Error('no source');
  };
}
