/**
 * The image that is made of the first layers of another: for an engine that takes those in while the rest is on its
 * way. Nothing could run it; its chains are those of the whole image (OCI image spec, config.md, "Layer ChainID").
 */

import { imageLayers } from './chain-id.ts';
import type { Digest } from './digest.ts';
import { digestOf } from './digest.ts';
import { OciError } from './errors.ts';
import { parseImageConfig } from './image-config.ts';
import { parseManifest } from './manifest.ts';

export interface ImageDocuments {
  manifest: { bytes: Uint8Array; mediaType: string; digest: Digest };
  config: { bytes: Uint8Array; digest: Digest };
}

/** @throws OciError UNSUPPORTED_MANIFEST for an index, LAYERS_MISMATCH and what parsing throws */
export function imageOfFirstLayers({ manifest, config }: ImageDocuments, count: number): ImageDocuments {
  const parsed = parseManifest(manifest.bytes, manifest.mediaType);
  if (parsed.kind === 'index') throw new OciError('UNSUPPORTED_MANIFEST', 'an index has no layers: choose a platform');
  const layers = imageLayers(parsed, parseImageConfig(config.bytes)).slice(0, count);
  // The platform stays, `os.features` of Windows too; the history would name layers that are not there.
  const { history: _, ...rest } = JSON.parse(Buffer.from(config.bytes).toString());
  const firstConfig = bytesOf({ ...rest, rootfs: { ...rest.rootfs, diff_ids: layers.map(({ diffId }) => diffId) } });
  const document = JSON.parse(Buffer.from(manifest.bytes).toString());
  const firstManifest = bytesOf({
    ...document,
    config: { ...document.config, digest: digestOf(firstConfig), size: firstConfig.length },
    layers: document.layers.slice(0, layers.length),
  });
  return {
    manifest: { ...manifest, bytes: firstManifest, digest: digestOf(firstManifest) },
    config: { bytes: firstConfig, digest: digestOf(firstConfig) },
  };
}

function bytesOf(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
