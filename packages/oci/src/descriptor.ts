/**
 * Descriptors and platforms as they stand in manifests and indexes: their types, and reading
 * them from foreign JSON. Which platform suits a host is decided in platform.ts.
 */
import type { Digest } from './digest.ts';
import { isDigest } from './digest.ts';
import { quoted } from './errors.ts';
import type { Place } from './json.ts';
import { asArray, asObject, asOptionalString, asString, at, wrong } from './json.ts';

export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes; entries over 8 GiB are ordinary. */
  size: number;
  /** Where a foreign layer can be had, http and https only. */
  urls?: string[];
  platform?: Platform;
  annotations?: Record<string, string>;
}

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
  /** Windows: `10.0.<build>.<UBR>`. */
  osVersion?: string;
}

const MAX_URLS = 32;
const MAX_ANNOTATIONS = 256;

export function readDescriptor(value: unknown, place: Place): Descriptor {
  const json = asObject(value, place);
  const urls = readUrls(json.urls, at(place, 'urls'));
  const platform = readPlatform(json.platform, at(place, 'platform'));
  const annotations = readAnnotations(json.annotations, at(place, 'annotations'));
  return {
    mediaType: asString(json.mediaType, at(place, 'mediaType')),
    digest: readDigest(json.digest, at(place, 'digest')),
    size: readSize(json.size, at(place, 'size')),
    ...(urls.length > 0 && { urls }),
    ...(platform && { platform }),
    ...(annotations && { annotations }),
  };
}

export function readDigest(value: unknown, place: Place): Digest {
  const text = asString(value, place);
  if (!isDigest(text)) throw wrong(place, `is not a digest: ${quoted(text)}`);
  return text;
}

function readSize(value: unknown, place: Place): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw wrong(place, 'is not a size in bytes');
  return value;
}

/** Other schemes (`file:` above all) are dropped: nobody may make a seeder read them. */
function readUrls(value: unknown, place: Place): string[] {
  const urls = asArray(value, place, MAX_URLS).map((url) => asString(url, place));
  return urls.filter((url) => /^https?:\/\//i.test(url));
}

function readPlatform(value: unknown, place: Place): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  const json = asObject(value, place);
  const variant = asOptionalString(json.variant, at(place, 'variant'));
  const osVersion = asOptionalString(json['os.version'], at(place, 'os.version'));
  return {
    os: asOptionalString(json.os, at(place, 'os')) ?? '',
    architecture: asOptionalString(json.architecture, at(place, 'architecture')) ?? '',
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
  };
}

function readAnnotations(value: unknown, place: Place): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  const entries = Object.entries(asObject(value, place));
  if (entries.length > MAX_ANNOTATIONS) throw wrong(place, `are more than ${MAX_ANNOTATIONS}`);
  if (entries.length === 0) return undefined;
  // fromEntries defines own keys, so a key named __proto__ stays a plain key.
  return Object.fromEntries(entries.map(([key, text]) => [key, asOptionalString(text, at(place, key)) ?? '']));
}
