/**
 * Brings one image into a Docker Engine with the least bytes, and proves that it is the right one.
 *
 * Decides thin or full archive, the one retry, and what counts as proof. Where the blobs come from is the caller's.
 */

import { type ChainId, type Descriptor, type Digest, engineName } from '@shoal/oci';
import { type ReadBlob, writeArchive } from './archive-writer.ts';
import type { EngineClient, LoadProgress } from './engine-client.ts';
import { EngineError } from './errors.ts';
import { type ImageParts, layersOf, layersWithout, planEntries } from './image-parts.ts';
import { isOwnName } from './own-names.ts';

export interface LoadImageRequest extends ImageParts {
  readBlob: ReadBlob;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
}

export interface LoadedImage {
  imageId: string;
  /** Everything sent into the engine, both archives when the first lacked a layer; 0 when the image was there. */
  archiveBytes: number;
  /** Layers in the archive the engine took. */
  sentLayers: Digest[];
}

const NO_CHAINS: ReadonlySet<ChainId> = new Set();

// Classic store on Linux, on Windows, containerd store: a layer that was left out of the archive and is needed.
const LAYER_MISSING = /no such file or directory|cannot find the (file|path) specified|not found/i;

/**
 * Resolves when the engine shows the image under its name with the expected image ID: the config's digest in a classic
 * store, the manifest's in a containerd store. Rejects with EngineError, or with what `readBlob` threw.
 */
export async function loadImage(engine: EngineClient, image: LoadImageRequest): Promise<LoadedImage> {
  const { signal } = image;
  const entries = planEntries(image, NO_CHAINS);
  const { store } = await engine.info(signal);
  const imageId = store === 'containerd' ? image.manifest.digest : image.config.digest;
  const name = image.reference.tag === undefined ? imageId : engineName(image.reference);
  const held = await engine.findImage(name, signal);
  if (held?.imageId === imageId) return { imageId, archiveBytes: 0, sentLayers: [] };

  const thin = planEntries(image, await engine.presentChains(signal));
  const send = createSender(engine, image);
  let sent = thin;
  try {
    await send(thin);
  } catch (error) {
    if (thin.length === entries.length || !saysLayerIsMissing(error)) throw error;
    sent = entries; // the base went away between the look and the load
    await send(entries);
  }
  await proveLoaded(engine, { name, imageId, signal });
  return { imageId, archiveBytes: send.archiveBytes(), sentLayers: layersOf(sent) };
}

/** The layer blobs that must be fetched before this image can be loaded: those of an image that still arrives may go again. */
export async function missingLayers(
  engine: EngineClient,
  image: Pick<ImageParts, 'manifest' | 'config'>,
  signal?: AbortSignal,
): Promise<Descriptor[]> {
  const lasts = (names: readonly string[]) => names.length === 0 || names.some((name) => !isOwnName('arriving', name));
  return layersWithout(image, await engine.presentChains(signal, lasts));
}

function createSender(engine: EngineClient, { readBlob, onProgress, signal }: LoadImageRequest) {
  let archiveBytes = 0;
  async function send(entries: ReturnType<typeof planEntries>): Promise<void> {
    const before = archiveBytes;
    const count = (progress: LoadProgress) => {
      if (progress.kind === 'sent') archiveBytes = before + progress.archiveBytes;
      onProgress?.(progress);
    };
    await engine.load(writeArchive(entries, readBlob), { onProgress: count, signal });
  }
  send.archiveBytes = () => archiveBytes;
  return send;
}

function saysLayerIsMissing(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'LOAD_REFUSED' && LAYER_MISSING.test(error.engineText ?? '');
}

async function proveLoaded(
  engine: EngineClient,
  expected: { name: string; imageId: string; signal?: AbortSignal },
): Promise<void> {
  const image = await engine.findImage(expected.name, expected.signal);
  if (image?.imageId === expected.imageId) return;
  const holds = image ? image.imageId : 'nothing';
  throw new EngineError('IMAGE_MISMATCH', `under ${expected.name} it has ${holds}, expected ${expected.imageId}`);
}
