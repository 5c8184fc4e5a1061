/** The exit into the Docker Engine, for the rest of the agent. */

export { type ArchiveRequest, type WrittenArchive, writeArchiveFile } from './archive-file.ts';
export { type ReadBlob, writeArchive } from './archive-writer.ts';
export { type ArrivingImages, createArrivingImages } from './arriving-images.ts';
export { defaultEngineAddress, type EngineAddress, parseEngineAddress } from './engine-address.ts';
export {
  createEngineClient,
  type EngineClient,
  type EngineImage,
  type EngineInfo,
  type EngineTag,
  type LoadOptions,
  type LoadProgress,
} from './engine-client.ts';
export { ENGINE_ERRORS, EngineError, type EngineErrorCode } from './errors.ts';
export { type HeldImage, type HeldImages, nameOf, openHeldImages } from './held-images.ts';
export type { ImageParts } from './image-parts.ts';
export { type LoadedImage, type LoadImageRequest, loadImage, missingLayers } from './load-image.ts';
