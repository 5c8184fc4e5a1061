/**
 * Which blobs hosts will ask for when they get an image: what seeders read before anybody asks.
 */
import type { Platform, Reference } from '@shoal/oci';
import type { ImageSource } from '@shoal/registry';
import type { SeedSource } from '../client/session-messages.ts';
import { resolveImage } from '../resolve/resolve-images.ts';

export interface AheadLook {
  source: ImageSource;
  /** Of the hosts; those the image is not for have no blobs. */
  platforms: readonly Platform[];
  knownDocument(digest: string): Buffer | undefined;
}

/** Each blob once. Throws what the source throws, OciError. */
export async function blobsAhead(reference: Reference, look: AheadLook): Promise<SeedSource[]> {
  const { source, platforms, knownDocument } = look;
  const { image } = await resolveImage({ openSource: async () => source, knownDocument }, reference, platforms);
  const layers = image.variants.flatMap((variant) => variant.layers);
  const { registry, repository } = reference;
  return [...new Map(layers.map((layer) => [layer.digest, layer])).values()].map((descriptor) => ({
    ...{ registry, repository, descriptor },
  }));
}
