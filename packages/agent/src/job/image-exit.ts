/**
 * Where an image leaves the agent: into the Docker Engine, into a `docker load` archive, or nowhere
 * (cache only). Says which layers this host needs, and hands them over once they are there.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, formatReference } from '@shoal/oci';
import {
  type ArrivingImages,
  type EngineClient,
  type HeldImages,
  loadImage,
  missingLayers,
  type ReadBlob,
  writeArchiveFile,
} from '../engine/index.ts';
import type { ParsedImage } from './job-image.ts';

export interface HandedOver {
  exit: 'engine' | 'archive' | 'cache';
  imageId: string;
  archiveBytes: number;
  archivePath?: string;
}

export interface ImageExit {
  /** Absent: it takes whole images only. */
  readonly arriving?: ArrivingImages;
  /** Layer blobs this host needs, each once. */
  missing(image: ParsedImage, signal: AbortSignal): Promise<Descriptor[]>;
  handOver(image: ParsedImage, readBlob: ReadBlob, options: HandOverOptions): Promise<HandedOver>;
}

export interface HandOverOptions {
  signal: AbortSignal;
  /** Milliseconds since the epoch: the engine keeps the image until then. 0: as long as it wants. */
  keepUntilMs: number;
  onProgress(archiveBytes: number): void;
}

export function createEngineExit(
  engine: EngineClient,
  held: Pick<HeldImages, 'hold'>,
  arriving: ArrivingImages,
): ImageExit {
  return {
    arriving,
    missing: (image, signal) => missingLayers(engine, image, signal),
    async handOver(image, readBlob, { signal, keepUntilMs, onProgress }) {
      const { reference, manifest, config } = image;
      const loaded = await loadImage(engine, {
        reference,
        manifest,
        config,
        readBlob,
        signal,
        onProgress: (progress) => progress.kind === 'sent' && onProgress(progress.archiveBytes),
      });
      const facts = { imageId: loaded.imageId, reference: image.text, manifestDigest: manifest.digest };
      if (keepUntilMs > 0) await held.hold({ ...facts, repository: reference.repository, keepUntilMs });
      return { exit: 'engine', imageId: loaded.imageId, archiveBytes: loaded.archiveBytes };
    },
  };
}

/** Archives are complete: nobody knows what the engine that will load them holds. */
export function createArchiveExit(folder: string): ImageExit {
  return {
    missing: async (image) => image.layers,
    async handOver(image, readBlob, { signal, onProgress }) {
      const { reference, manifest, config } = image;
      await mkdir(folder, { recursive: true });
      const archivePath = join(folder, `${formatReference(reference).replaceAll(/[^A-Za-z0-9._-]+/g, '_')}.tar`);
      const { archiveBytes } = await writeArchiveFile(archivePath, {
        reference,
        manifest,
        config,
        readBlob,
        signal,
        onProgress,
      });
      return { exit: 'archive', imageId: config.digest, archiveBytes, archivePath };
    },
  };
}

export function createCacheExit(): ImageExit {
  return {
    missing: async (image) => image.layers,
    handOver: async ({ config }) => ({ exit: 'cache', imageId: config.digest, archiveBytes: 0 }),
  };
}
