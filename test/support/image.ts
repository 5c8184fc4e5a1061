/**
 * Real images made of nothing: an OCI layout in a folder, the same bytes on every run.
 *
 * A big base layer that does not compress (with busybox in it), a middle layer, and a small one that holds the line the
 * image prints. A variant shares all but the last.
 */

import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { type Digest, digestOf } from '@shoal/oci';
import { type Pack, pack } from 'tar-stream';
import { tempDir } from './cleanup.ts';
import { findProgram } from './tools.ts';

export interface TestLayer {
  digest: Digest;
  diffId: Digest;
  /** Compressed, as in the registry. */
  sizeBytes: number;
}

export interface TestImage {
  /** Folder of the OCI layout. */
  layout: string;
  manifest: { bytes: Buffer; mediaType: string; digest: Digest };
  config: { bytes: Buffer; digest: Digest };
  /** Base, middle, message. */
  layers: TestLayer[];
  /** Compressed layers and config: what a host without anything must get. */
  imageBytes: number;
  /** What `docker run --network none` of it prints. */
  line: string;
  readBlob(digest: Digest): AsyncIterable<Buffer>;
}

interface ImageOptions {
  line?: string;
  baseBytes?: number;
  middleBytes?: number;
  /** Of its config. Default: this machine's. */
  platform?: { os: string; 'os.version'?: string };
}

interface FileInLayer {
  name: string;
  mode?: number;
  bytes: Buffer | { seed: string; sizeBytes: number };
}

const MIB = 1 << 20;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** Image A. `baseBytes` is 208 MiB unless told. */
export async function makeImage(options: ImageOptions = {}): Promise<TestImage> {
  const layout = await tempDir('image');
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const busybox = await readFile(findProgram('busybox') ?? '/bin/busybox');
  const base = await writeLayer(layout, {
    gzipLevel: 0,
    files: [
      { name: 'bin/busybox', mode: 0o755, bytes: busybox },
      { name: 'data/base', bytes: { seed: 'base', sizeBytes: options.baseBytes ?? 208 * MIB } },
    ],
  });
  const middle = await writeLayer(layout, {
    gzipLevel: 1,
    files: [{ name: 'data/middle', bytes: { seed: 'middle', sizeBytes: options.middleBytes ?? 6 * MIB } }],
  });
  return finishImage(layout, [base, middle], { line: 'image A of the shoal tests', ...options });
}

/** Image B: another line, so another last layer, config and manifest; base and middle are the same blobs. */
export async function makeVariant(image: TestImage, line = 'image B of the shoal tests'): Promise<TestImage> {
  const layout = await tempDir('image');
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const shared = image.layers.slice(0, 2);
  for (const { digest } of shared) {
    const [from, to] = [blobFile(image.layout, digest), blobFile(layout, digest)];
    await link(from, to).catch(() => copyFile(from, to));
  }
  return finishImage(layout, shared, { line });
}

/** Where a blob of a layout lies. */
export function blobFile(layout: string, digest: Digest): string {
  return join(layout, 'blobs', ...digest.split(':'));
}

async function finishImage(
  layout: string,
  lower: TestLayer[],
  { line, platform }: { line: string; platform?: ImageOptions['platform'] },
): Promise<TestImage> {
  const message = { name: 'message', bytes: Buffer.from(`${line}\n`) };
  const ballast = { name: 'data/top', bytes: { seed: line, sizeBytes: MIB } };
  const layers = [...lower, await writeLayer(layout, { gzipLevel: 1, files: [message, ballast] })];
  const config = await writeDocument(layout, { ...imageConfig(layers), ...platform });
  const manifest = await writeDocument(layout, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: config.digest, size: config.bytes.length },
    layers: layers.map(({ digest, sizeBytes }) => ({ mediaType: LAYER_TYPE, digest, size: sizeBytes })),
  });
  const entry = { mediaType: MANIFEST_TYPE, digest: manifest.digest, size: manifest.bytes.length };
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return {
    layout,
    manifest: { ...manifest, mediaType: MANIFEST_TYPE },
    config,
    layers,
    imageBytes: layers.reduce((total, layer) => total + layer.sizeBytes, config.bytes.length),
    line,
    readBlob: (digest) => createReadStream(blobFile(layout, digest), { highWaterMark: MIB }),
  };
}

function imageConfig(layers: TestLayer[]): object {
  const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', ia32: '386' };
  return {
    created: '2026-01-01T00:00:00Z',
    architecture: architectures[process.arch] ?? process.arch,
    os: 'linux',
    config: { Cmd: ['/bin/busybox', 'cat', '/message'], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((_, index) => ({ created: '2026-01-01T00:00:00Z', created_by: `layer ${index}` })),
  };
}

async function writeDocument(layout: string, document: object): Promise<{ bytes: Buffer; digest: Digest }> {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = digestOf(bytes);
  await writeFile(blobFile(layout, digest), bytes);
  return { bytes, digest };
}

async function writeLayer(layout: string, layer: { gzipLevel: number; files: FileInLayer[] }): Promise<TestLayer> {
  const tarHash = createHash('sha256');
  const blobHash = createHash('sha256');
  const gzip = createGzip({ level: layer.gzipLevel, chunkSize: MIB });
  const compressed = Readable.from(tap(layerTar(layer.files), tarHash)).pipe(gzip);
  const partPath = join(layout, 'layer.part');
  const part = await open(partPath, 'w');
  let sizeBytes = 0;
  for await (const chunk of compressed as AsyncIterable<Buffer>) {
    blobHash.update(chunk);
    sizeBytes += (await part.write(chunk)).bytesWritten;
  }
  await part.close();
  const digest = `sha256:${blobHash.digest('hex')}` as Digest;
  await rename(partPath, blobFile(layout, digest));
  return { digest, diffId: `sha256:${tarHash.digest('hex')}` as Digest, sizeBytes };
}

async function* layerTar(files: FileInLayer[]): AsyncGenerator<Buffer> {
  const tar = pack();
  const written = (async () => {
    for (const file of files) await addFile(tar, file);
    tar.finalize();
  })();
  yield* tar as AsyncIterable<Buffer>;
  await written;
}

function addFile(tar: Pack, { name, mode = 0o644, bytes }: FileInLayer): Promise<void> {
  const size = Buffer.isBuffer(bytes) ? bytes.length : bytes.sizeBytes;
  const source = Buffer.isBuffer(bytes) ? [bytes] : noise(bytes.seed, bytes.sizeBytes);
  return new Promise((resolve, reject) => {
    const entry = tar.entry({ name, mode, size, mtime: new Date(0) }, (error) => (error ? reject(error) : resolve()));
    Readable.from(source).pipe(entry as unknown as Writable);
  });
}

async function* tap(source: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Bytes that do not compress and are the same on every run: a cipher's key stream. */
function* noise(seed: string, sizeBytes: number): Generator<Buffer> {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(MIB);
  for (let left = sizeBytes; left > 0; left -= MIB) yield cipher.update(zeros.subarray(0, Math.min(left, MIB)));
}
