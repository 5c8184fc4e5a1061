/**
 * What every place an image can come from looks like: a registry, an OCI layout, an archive.
 * Decides nothing; the shapes only.
 */
import type { Descriptor, Digest, Reference } from '@shoal/oci';

/** A manifest or index as the source stores it, byte for byte. `digest` is verified against `bytes`. */
export interface ResolvedManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
}

export interface ReadBlobOptions {
  /** First byte wanted; default 0. */
  offset?: number;
  /** Behind the last byte wanted; default the blob's size. */
  end?: number;
  signal?: AbortSignal;
}

export interface ImageSource {
  /** For logs: the registry's host, or the path of the folder or file. */
  readonly name: string;

  /** The manifest a reference names; its digest wins over its tag. Throws UNKNOWN_MANIFEST. */
  resolve(reference: Reference, signal?: AbortSignal): Promise<ResolvedManifest>;

  /** A manifest by digest: an index's child, for instance. Throws UNKNOWN_MANIFEST, DIGEST_MISMATCH. */
  manifest(repository: string, digest: Digest, signal?: AbortSignal): Promise<ResolvedManifest>;

  /**
   * The blob's bytes from `offset` to `end`: exactly so many of them, or an error.
   * The digest is NOT verified: the reader hashes. Leaving the loop early frees the connection or file.
   */
  readBlob(repository: string, blob: Descriptor, options?: ReadBlobOptions): AsyncIterable<Uint8Array>;

  /** Whether it still shows what is there: a file or folder may have been replaced. A registry always does. */
  isCurrent?(): Promise<boolean>;

  /** Ends what is under way with ABORTED and frees connections and files. */
  close(): Promise<void>;
}
