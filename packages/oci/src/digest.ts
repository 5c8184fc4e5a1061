/**
 * What a digest looks like and how it is made. Decides nothing about which bytes to trust:
 * whoever reads bytes compares them with `matchesDigest` or hashes them as they pass.
 */
import { createHash } from 'node:crypto';
import { OciError, quoted } from './errors.ts';

declare const brand: unique symbol;

/** `sha256:<64 lower hex>` or `sha512:<128 lower hex>` (OCI image spec, descriptor.md, "Digests"). */
export type Digest = string & { readonly [brand]: 'Digest' };
/** Digest of a layer's uncompressed tar. */
export type DiffId = string & { readonly [brand]: 'DiffId' };
/** Digest of a stack of layers up to one of them. */
export type ChainId = string & { readonly [brand]: 'ChainId' };

export type DigestAlgorithm = 'sha256' | 'sha512';

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** @throws OciError INVALID_DIGEST */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new OciError(
    'INVALID_DIGEST',
    `${quoted(text)} is not a digest: expected sha256: and 64 lower-case hex digits`,
  );
}

/** For diffIDs an engine reports. @throws OciError INVALID_DIGEST */
export function parseDiffId(text: string): DiffId {
  return parseDigest(text) as string as DiffId;
}

/** SHA-256, which is what registries and engines name content by. */
export function digestOf(bytes: Uint8Array): Digest {
  return hash('sha256', bytes);
}

/** Whether the bytes are what the digest names, in the digest's own algorithm. */
export function matchesDigest(bytes: Uint8Array, digest: Digest): boolean {
  return hash(digestAlgorithm(digest), bytes) === digest;
}

export function digestAlgorithm(digest: Digest | DiffId | ChainId): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The part after the colon. */
export function digestHex(digest: Digest | DiffId | ChainId): string {
  return digest.slice(digest.indexOf(':') + 1);
}

function hash(algorithm: DigestAlgorithm, bytes: Uint8Array): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}
