/**
 * ChainIDs: the name of a stack of layers, and the pairing of a manifest's layers with them
 * (OCI image spec, config.md, "Layer ChainID").
 */
import type { Descriptor } from './descriptor.ts';
import type { ChainId, DiffId } from './digest.ts';
import { digestOf } from './digest.ts';
import { OciError } from './errors.ts';
import type { ImageConfig } from './image-config.ts';
import type { ImageManifest } from './manifest.ts';

export interface ImageLayer {
  descriptor: Descriptor;
  diffId: DiffId;
  chainId: ChainId;
}

/** One chainID a diffID, lowest layer first. */
export function chainIds(diffIds: readonly DiffId[]): ChainId[] {
  const chains: ChainId[] = [];
  for (const diffId of diffIds) {
    const parent = chains.at(-1);
    const chain = parent === undefined ? diffId : digestOf(Buffer.from(`${parent} ${diffId}`));
    chains.push(chain as string as ChainId);
  }
  return chains;
}

/** @throws OciError LAYERS_MISMATCH when manifest and config differ in their number of layers */
export function imageLayers(manifest: ImageManifest, config: ImageConfig): ImageLayer[] {
  const { layers } = manifest;
  const { diffIds } = config;
  if (layers.length !== diffIds.length) {
    throw new OciError(
      'LAYERS_MISMATCH',
      `the manifest has ${layers.length} layers, but its image config has ${diffIds.length} diff_ids`,
    );
  }
  const chains = chainIds(diffIds);
  return layers.map((descriptor, i) => ({ descriptor, diffId: diffIds[i] as DiffId, chainId: chains[i] as ChainId }));
}
