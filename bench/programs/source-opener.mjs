/* Where the tracker and the seeder of a bench read the image. */
import { openLayoutSource } from '@shoal/registry';
import { createGeneratedSource } from '../shoal/generated-source.mjs';

/** @param {{ layout?: string, generated?: { keyHex: string, digest: string, sizeBytes: number } }} source */
export function sourceOpener({ layout, generated }) {
  return async () => {
    if (layout !== undefined) return openLayoutSource(layout);
    if (generated !== undefined) return createGeneratedSource(generated);
    throw new Error('no source');
  };
}
