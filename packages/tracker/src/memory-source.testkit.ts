/** An in-memory twin of ImageSource, and builders of images to put into it. */
import { createHash } from 'node:crypto';
import { type Digest, type Platform, parseDigest, type Reference } from '@shoal/oci';
import { type ImageSource, RegistryError, type ResolvedManifest } from '@shoal/registry';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

export interface MemorySource extends ImageSource {
  /** Points a tag (`team/app:1`) at a manifest or index. */
  tag(name: string, manifest: StoredManifest): void;
  put(manifest: StoredManifest): StoredManifest;
  putBlob(bytes: Buffer, digest?: string): void;
  /** Every read, in order: `resolve team/app:1`, `manifest sha256:…`, `blob sha256:…`. */
  reads: string[];
  /** Makes the next reads fail with this. */
  failWith?: Error;
  closed: boolean;
}

export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  bytes: Buffer;
}

export function digestOfBytes(bytes: Buffer): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

export function createMemorySource(): MemorySource {
  const manifests = new Map<string, StoredManifest>();
  const tags = new Map<string, StoredManifest>();
  const blobs = new Map<string, Buffer>();
  const found = (manifest: StoredManifest | undefined, what: string): ResolvedManifest => {
    if (source.failWith) throw source.failWith;
    if (!manifest) throw new RegistryError('UNKNOWN_MANIFEST', `there is no ${what}`);
    return manifest;
  };
  const source: MemorySource = {
    name: 'memory',
    reads: [],
    closed: false,
    tag: (name, manifest) => void tags.set(name, source.put(manifest)),
    put: (manifest) => {
      manifests.set(manifest.digest, manifest);
      return manifest;
    },
    putBlob: (bytes, digest = digestOfBytes(bytes)) => void blobs.set(digest, bytes),
    resolve: async (reference: Reference) => {
      const name = `${reference.repository}:${reference.tag}`;
      source.reads.push(`resolve ${reference.digest ?? name}`);
      return found(reference.digest ? manifests.get(reference.digest) : tags.get(name), name);
    },
    manifest: async (_repository, digest) => {
      source.reads.push(`manifest ${digest}`);
      return found(manifests.get(digest), digest);
    },
    readBlob: async function* (_repository, blob) {
      source.reads.push(`blob ${blob.digest}`);
      const bytes = blobs.get(blob.digest);
      if (!bytes) throw new RegistryError('UNKNOWN_BLOB', `there is no ${blob.digest}`);
      yield bytes;
    },
    close: async () => {
      source.closed = true;
    },
  };
  return source;
}

export interface ImageParts {
  platform?: Platform;
  /** Layer sizes by name; the digest follows from the name. */
  layers?: { name: string; size: number }[];
}

/** Puts the config into the source and returns the manifest, not yet tagged. Layers have no bytes. */
export function imageIn(source: MemorySource, parts: ImageParts = {}): StoredManifest {
  const { platform = { os: 'linux', architecture: 'amd64' }, layers = [{ name: 'base', size: 1_000_000 }] } = parts;
  const { osVersion, ...rest } = platform;
  const diffIds = layers.map(({ name }) => digestOfBytes(Buffer.from(`diff ${name}`)));
  const config = Buffer.from(
    JSON.stringify({ ...rest, 'os.version': osVersion, rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  source.putBlob(config);
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOfBytes(config),
      size: config.length,
    },
    layers: layers.map(({ name, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: layerDigest(name),
      size,
    })),
  };
  return source.put(stored(manifest, OCI_MANIFEST));
}

export function layerDigest(name: string): Digest {
  return digestOfBytes(Buffer.from(`layer ${name}`));
}

export function indexOf(entries: { manifest: StoredManifest; platform?: Platform }[]): StoredManifest {
  const manifests = entries.map(({ manifest, platform }) => {
    const { osVersion, ...rest } = platform ?? { osVersion: undefined };
    return {
      mediaType: manifest.mediaType,
      digest: manifest.digest,
      size: manifest.bytes.length,
      platform: platform && { ...rest, 'os.version': osVersion },
    };
  });
  return stored({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, OCI_INDEX);
}

function stored(document: object, mediaType: string): StoredManifest {
  const bytes = Buffer.from(JSON.stringify(document));
  return { digest: digestOfBytes(bytes), mediaType, bytes };
}
