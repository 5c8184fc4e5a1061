/** Builders for tests: each sets only what its caller did not. */
import type { Descriptor, Platform } from './descriptor.ts';
import type { DiffId } from './digest.ts';
import { digestOf } from './digest.ts';
import type { OciErrorCode } from './errors.ts';
import { OciError } from './errors.ts';
import type { ImageIndex } from './manifest.ts';
import { DOCKER_CONFIG, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from './media-types.ts';

export const GZIP_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

export function bytesOf(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document));
}

export function diffIdOf(name: string): DiffId {
  return digestOf(Buffer.from(`diff of ${name}`)) as string as DiffId;
}

export function descriptorOf(name: string, changes: Partial<Descriptor> = {}): Descriptor {
  return { mediaType: GZIP_LAYER, digest: digestOf(Buffer.from(name)), size: 100, ...changes };
}

/** An image of the named layers: `manifest` and `config` as documents and as the bytes of them. */
export function imageOf(layerNames: string[], layers = layerNames.map((name) => descriptorOf(name))) {
  const diffIds = layerNames.map(diffIdOf);
  const config = bytesOf({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds } });
  const document = {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: { mediaType: DOCKER_CONFIG, digest: digestOf(config), size: config.byteLength },
    layers,
  };
  return { config, document, bytes: bytesOf(document), diffIds, layers };
}

/** An index with an entry a platform, each named by its text: `linux/arm/v7`, `windows/amd64 10.0.20348.1`. */
export function indexOf(...platforms: string[]): ImageIndex {
  const manifests = platforms.map((text, i) =>
    descriptorOf(`${i} ${text}`, { mediaType: OCI_MANIFEST, ...(text !== '' && { platform: platformOf(text) }) }),
  );
  return { kind: 'index', mediaType: OCI_INDEX, manifests };
}

export function platformOf(text: string): Platform {
  const [names = '', osVersion] = text.split(' ');
  const [os = '', architecture = '', variant] = names.split('/');
  return { os, architecture, ...(variant && { variant }), ...(osVersion && { osVersion }) };
}

/** The OciError that `action` throws. */
export function errorOf(action: () => unknown): OciError & { code: OciErrorCode } {
  try {
    action();
  } catch (error) {
    if (error instanceof OciError) return error;
    throw error;
  }
  throw new Error('expected an OciError, and nothing was thrown');
}
