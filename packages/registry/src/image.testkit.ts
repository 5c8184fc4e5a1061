/** A tiny image: two layers, a config and a manifest, each with its digest. */
import { gzipSync } from 'node:zlib';
import { type Descriptor, type Digest, digestOf, parseReference, type Reference } from '@shoal/oci';
import type { ImageSource } from './source.ts';

export interface TestImage {
  /** Uncompressed layer tars. */
  layerTars: Buffer[];
  /** Gzip blobs. */
  layers: Buffer[];
  config: Buffer;
  configDigest: Digest;
  manifest: Buffer;
  digest: Digest;
  mediaType: string;
}

export const REFERENCE: Reference = parseReference('registry.test/team/a:1');

export function createImage({ mark = 'a' } = {}): TestImage {
  const layerTars = [`${mark}-base`, `${mark}-top`].map((text) =>
    Buffer.concat([Buffer.from(text), Buffer.alloc(1024)]),
  );
  const layers = layerTars.map((tar) => gzipSync(tar));
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      config: {},
      rootfs: { type: 'layers', diff_ids: layerTars.map(digestOf) },
    }),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: layers.map((bytes) => ({
        ...descriptorOf(bytes),
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      })),
    }),
  );
  return { layerTars, layers, config, configDigest: digestOf(config), manifest, digest: digestOf(manifest), mediaType };
}

export function descriptorOf(bytes: Uint8Array, extra: Partial<Descriptor> = {}): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length, ...extra };
}

/** Bytes in which every position can be told from its neighbours. */
export function patternOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 0xff));
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

export function readAll(source: ImageSource, blob: Descriptor, offset = 0): Promise<Buffer> {
  return collect(source.readBlob('team/a', blob, { offset }));
}
