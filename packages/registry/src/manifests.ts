/**
 * Decides the media type of stored manifest bytes and whether they are what a digest promised.
 * Does not interpret manifests: that is @shoal/oci.
 */
import { type Digest, digestOf, MANIFEST_MEDIA_TYPES, matchesDigest, OCI_INDEX, OCI_MANIFEST } from '@shoal/oci';
import { RegistryError, type RegistryErrorCode } from './errors.ts';
import type { ResolvedManifest } from './source.ts';

export interface ManifestCheck {
  /** As it may be shown. */
  subject: string;
  /** `Content-Type` or a descriptor's media type. */
  declaredType?: string | undefined;
  /** When known beforehand. By tag it is computed. */
  digest?: Digest | undefined;
  /** The code for bytes that are no manifest at all. */
  badCode: RegistryErrorCode;
}

export function checkedManifest(bytes: Buffer, check: ManifestCheck): ResolvedManifest {
  const { subject, digest } = check;
  if (digest !== undefined && !matchesDigest(bytes, digest)) {
    throw new RegistryError(
      'DIGEST_MISMATCH',
      `${subject}: the ${bytes.length} bytes stored there do not have digest ${digest}. The store is damaged: push the image again.`,
    );
  }
  return { digest: digest ?? digestOf(bytes), mediaType: mediaTypeOf(bytes, check), bytes };
}

/** A declared type counts when it is one of a manifest; else the document says, else its shape. */
function mediaTypeOf(bytes: Buffer, { subject, declaredType, badCode }: ManifestCheck): string {
  const declared = declaredType?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (MANIFEST_MEDIA_TYPES.includes(declared)) return declared;
  const document = parseDocument(bytes);
  if (document === undefined) {
    const typed = declared === '' ? '' : ` but ${declared}`;
    throw new RegistryError(badCode, `${subject}: this is no image manifest${typed}. Is the address right?`);
  }
  if (typeof document.mediaType === 'string') return document.mediaType;
  if ('manifests' in document) return OCI_INDEX;
  return 'config' in document ? OCI_MANIFEST : declared;
}

function parseDocument(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
