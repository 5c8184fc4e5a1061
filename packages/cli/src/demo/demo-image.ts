/**
 * Makes a real image for the demo: an OCI layout of several layers of files of this machine. Layers
 * are plain tar: compressing them would take longer than distributing them.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestOf, formatReference, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, type Reference } from '@shoal/oci';
import { pack } from 'tar-stream';
import { findMachineFiles, type MachineFile, programFolders } from './machine-files.ts';

export interface DemoImage {
  layout: string;
  reference: Reference;
  imageBytes: number;
  layers: number;
}

interface Blob {
  mediaType: string;
  digest: string;
  size: number;
}

const LAYER_TAR = 'application/vnd.oci.image.layer.v1.tar';
/** A base, a runtime and an application on top, as real images have them. */
const LAYER_SHARES = [0.6, 0.3, 0.1];

/** `wantedBytes` is what the image has at least; `onProgress` is told how many bytes are packed, and may throw. */
export async function makeDemoImage(
  folder: string,
  wantedBytes: number,
  onProgress: (bytes: number) => void,
): Promise<DemoImage> {
  const layout = join(folder, 'image');
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });
  const files = await findMachineFiles(programFolders(platform(), process.env), wantedBytes);
  const layers: Blob[] = [];
  for (const [index, share] of LAYER_SHARES.entries()) {
    const part = takeBytes(files, index === LAYER_SHARES.length - 1 ? Number.POSITIVE_INFINITY : wantedBytes * share);
    // A machine with too few files: the last layer is filled up.
    const fillBytes =
      index < LAYER_SHARES.length - 1
        ? 0
        : wantedBytes - sum(layers.map(({ size }) => size)) - sum(part.map(({ size }) => size));
    layers.push(await writeLayer(layout, { files: part, fillBytes: Math.max(0, fillBytes) }, onProgress));
  }
  const reference: Reference = { registry: 'registry.demo', repository: 'team/app', tag: '1' };
  const imageBytes = await writeIndex(layout, layers, reference);
  return { layout, reference, imageBytes, layers: layers.length };
}

function takeBytes(files: MachineFile[], bytes: number): MachineFile[] {
  const taken: MachineFile[] = [];
  for (let left = bytes; left > 0 && files.length > 0; ) {
    const file = files.shift() as MachineFile;
    taken.push(file);
    left -= file.size;
  }
  return taken;
}

async function writeLayer(
  layout: string,
  { files, fillBytes }: { files: MachineFile[]; fillBytes: number },
  onProgress: (bytes: number) => void,
): Promise<Blob> {
  const path = join(layout, `${randomBytes(8).toString('hex')}.part`);
  const tar = pack();
  const hash = createHash('sha256');
  let size = 0;
  const measured = async function* (chunks: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
      onProgress(chunk.length);
      yield chunk;
    }
  };
  const written = pipeline(tar, measured, createWriteStream(path, { highWaterMark: 1024 * 1024 }));
  const packed = packFiles(tar, files, fillBytes);
  // When writing fails, packing fails too, with less to say.
  await Promise.allSettled([written, packed]);
  await written;
  await packed;
  const digest = `sha256:${hash.digest('hex')}`;
  await rename(path, blobPath(layout, digest));
  return { mediaType: LAYER_TAR, digest, size };
}

async function packFiles(tar: ReturnType<typeof pack>, files: MachineFile[], fillBytes: number): Promise<void> {
  for (const file of files) await packFile(tar, file);
  if (fillBytes > 0) tar.entry({ name: 'shoal-demo/fill' }, randomBytes(fillBytes));
  tar.finalize();
}

async function packFile(tar: ReturnType<typeof pack>, { path, size }: MachineFile): Promise<void> {
  const name = path.replaceAll('\\', '/').replace(/^([A-Za-z]:)?\/+/, '');
  const entry = tar.entry({ name, size, mode: 0o755, mtime: new Date(0) });
  await pipeline(createReadStream(path, { end: size - 1, highWaterMark: 1024 * 1024 }), entry);
}

async function writeIndex(layout: string, layers: Blob[], reference: Reference): Promise<number> {
  const config = await writeJson(layout, OCI_CONFIG, {
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    os: platform() === 'win32' ? 'windows' : 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = await writeJson(layout, OCI_MANIFEST, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });
  const annotations = {
    'io.containerd.image.name': formatReference(reference),
    'org.opencontainers.image.ref.name': reference.tag,
  };
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ ...manifest, annotations }] };
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return sum(layers.map(({ size }) => size)) + config.size;
}

async function writeJson(layout: string, mediaType: string, value: unknown): Promise<Blob> {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = digestOf(bytes);
  await writeFile(blobPath(layout, digest), bytes);
  return { mediaType, digest, size: bytes.length };
}

function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
