/**
 * Manifests and indexes: Docker schema 2 and its list, the OCI manifest and index. Decides what
 * kind a document is and refuses ambiguous ones; does not check that the bytes match a digest.
 */
import type { Descriptor } from './descriptor.ts';
import { readDescriptor } from './descriptor.ts';
import { OciError, quoted } from './errors.ts';
import type { JsonObject, Place } from './json.ts';
import { asArray, asOptionalString, at, parseJsonObject, wrong } from './json.ts';
import {
  bareMediaType,
  isIndexMediaType,
  isManifestMediaType,
  isSchema1MediaType,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-types.ts';

export interface ImageManifest {
  kind: 'manifest';
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
}

export interface ImageIndex {
  kind: 'index';
  mediaType: string;
  manifests: Descriptor[];
}

export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
/** Caps what a config descriptor may claim, so that nobody reads more than this for one. */
export const MAX_CONFIG_BYTES = 32 * 1024 * 1024;
export const MAX_LAYERS = 1000;
const MAX_INDEX_ENTRIES = 1000;

const MANIFEST: Place = { code: 'INVALID_MANIFEST', where: 'the manifest' };
const INDEX: Place = { code: 'INVALID_MANIFEST', where: 'the index' };

/**
 * @param contentType what the registry said it is, or the descriptor's media type; types that
 * name no manifest (`application/json`) say nothing.
 * @throws OciError INVALID_MANIFEST, UNSUPPORTED_MANIFEST, TOO_LARGE
 */
export function parseManifest(bytes: Uint8Array, contentType?: string): ImageManifest | ImageIndex {
  const json = parseJsonObject(bytes, MANIFEST, MAX_MANIFEST_BYTES);
  const mediaType = mediaTypeOf(json, contentType);
  if (isIndexMediaType(mediaType)) return readIndex(json, mediaType);
  return readManifest(json, mediaType);
}

/** Embedded media type first, then the transport's, then the shape (OCI leaves `mediaType` optional). */
function mediaTypeOf(json: JsonObject, contentType?: string): string {
  const embedded = asOptionalString(json.mediaType, at(MANIFEST, 'mediaType'));
  const told = contentType === undefined ? '' : bareMediaType(contentType);
  if (json.schemaVersion === 1 || isSchema1MediaType(embedded ?? told)) {
    throw new OciError(
      'UNSUPPORTED_MANIFEST',
      'the manifest is Docker schema 1, which has no layer sizes and no config; push the image again with Docker 1.10 or newer',
    );
  }
  if (json.schemaVersion !== 2) throw wrong(MANIFEST, 'has no schemaVersion 2: it is not an image manifest');
  if (embedded !== undefined && !isKnown(embedded)) {
    throw new OciError(
      'UNSUPPORTED_MANIFEST',
      `the manifest has the media type ${quoted(embedded)}, which is not that of an image`,
    );
  }
  if (embedded !== undefined && isKnown(told) && embedded !== told) {
    throw wrong(MANIFEST, `says it is ${quoted(embedded)}, but was delivered as ${quoted(told)}`);
  }
  return embedded ?? (isKnown(told) ? told : typeByShape(json));
}

function isKnown(mediaType: string): boolean {
  return isManifestMediaType(mediaType) || isIndexMediaType(mediaType);
}

function typeByShape(json: JsonObject): string {
  return json.manifests === undefined ? OCI_MANIFEST : OCI_INDEX;
}

// A document that could be read as both kinds is refused: two readers would see two images (CVE-2021-41190).
function readIndex(json: JsonObject, mediaType: string): ImageIndex {
  if (json.config !== undefined || json.layers !== undefined)
    throw wrong(INDEX, 'has config or layers, which only a manifest has');
  const entries = asArray(json.manifests, at(INDEX, 'manifests'), MAX_INDEX_ENTRIES);
  const manifests = entries.map((entry, position) => readDescriptor(entry, at(INDEX, `manifests[${position}]`)));
  return { kind: 'index', mediaType, manifests };
}

function readManifest(json: JsonObject, mediaType: string): ImageManifest {
  if (json.manifests !== undefined) throw wrong(MANIFEST, 'has manifests, which only an index has');
  const config = readDescriptor(json.config, at(MANIFEST, 'config'));
  if (config.size > MAX_CONFIG_BYTES) {
    throw new OciError(
      'TOO_LARGE',
      `the image config has ${config.size} bytes; at most ${MAX_CONFIG_BYTES} are accepted`,
    );
  }
  const entries = asArray(json.layers, at(MANIFEST, 'layers'), MAX_LAYERS);
  const layers = entries.map((entry, position) => readDescriptor(entry, at(MANIFEST, `layers[${position}]`)));
  checkSizesAgree([config, ...layers]);
  return { kind: 'manifest', mediaType, config, layers };
}

/** A repeated digest is one blob, so it has one size. */
function checkSizesAgree(descriptors: Descriptor[]): void {
  const sizes = new Map<string, number>();
  for (const { digest, size } of descriptors) {
    if ((sizes.get(digest) ?? size) !== size) throw wrong(MANIFEST, `gives two sizes for ${digest}`);
    sizes.set(digest, size);
  }
}
