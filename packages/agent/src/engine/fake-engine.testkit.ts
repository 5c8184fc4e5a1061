/**
 * An in-memory twin of the Docker Engine for the paths a real one takes rarely: on a unix socket or a named pipe.
 *
 * Answers what the loader asks; a test decides what `POST /images/load` says.
 */

import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, digestOf } from '@shoal/oci';
import { extract } from 'tar-stream';
import { onTestFinished } from 'vitest';
import type { ImageParts } from './image-parts.ts';

export interface FakeImage {
  Id: string;
  RepoTags?: string[] | null;
  RootFS?: { Layers: string[] };
}

export interface FakeEngine {
  address: string;
  /** Grows by what `onLoad` pushes. */
  images: FakeImage[];
  /** `METHOD url`, in order of arrival. */
  requests: string[];
  /** Names of the files of every archive that arrived whole. */
  archives: string[][];
  /** Uploads that broke off. */
  brokenUploads: number;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface FakeOptions {
  apiVersion?: string;
  store?: 'classic' | 'containerd';
  images?: FakeImage[];
  /** Lines of the answer to a whole archive, each an object of the stream. */
  onLoad?: (engine: FakeEngine) => object[];
  /** In place of the twin's own answer, by path without version: `/info`. */
  answers?: Record<string, Answer>;
}

export async function startFakeEngine(options: FakeOptions = {}): Promise<FakeEngine> {
  const name = `shoal-engine-${randomUUID().slice(0, 8)}`;
  const onWindows = process.platform === 'win32';
  const socketPath = onWindows ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
  const address = onWindows ? `npipe:////./pipe/${name}` : `unix://${socketPath}`;
  const engine: FakeEngine = { address, images: options.images ?? [], requests: [], archives: [], brokenUploads: 0 };
  const server = createServer((request, response) => void answer({ request, response, engine, options }));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return engine;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  engine: FakeEngine;
  options: FakeOptions;
}

async function answer({ request, response, engine, options }: Exchange): Promise<void> {
  engine.requests.push(`${request.method} ${request.url}`);
  const path = (request.url ?? '').replace(/^\/v[\d.]+/, '').split('?')[0] ?? '';
  const own = options.answers?.[path];
  if (own) return own(request, response);
  if (path === '/_ping') return void response.setHeader('api-version', options.apiVersion ?? '1.41').end('OK');
  if (path === '/images/load') return takeArchive({ request, response, engine, options });
  if (request.method !== 'GET') return changeTags({ request, response, engine, options }, path);
  const document = documentAt(path, engine, options);
  response.statusCode = document === undefined ? 404 : 200;
  response.end(JSON.stringify(document ?? { message: `No such image: ${path}` }));
}

function changeTags({ request, response, engine }: Exchange, path: string): void {
  const { searchParams } = new URL(request.url ?? '', 'http://engine');
  const name = request.method === 'POST' ? `${searchParams.get('repo')}:${searchParams.get('tag')}` : path.slice(8);
  const imageId = /^\/images\/(.+)\/tag$/.exec(path)?.[1];
  const image = engine.images.find(({ Id, RepoTags }) =>
    imageId === undefined ? RepoTags?.includes(name) : Id === imageId,
  );
  response.statusCode = image === undefined ? 404 : 200;
  const others = image?.RepoTags?.filter((tag) => tag !== name) ?? [];
  if (image !== undefined) image.RepoTags = imageId === undefined ? others : [...others, name];
  response.end(JSON.stringify(image === undefined ? { message: `No such image: ${name}` } : []));
}

function documentAt(path: string, engine: FakeEngine, options: FakeOptions): unknown {
  if (path === '/version') return { Version: '20.10.24', ApiVersion: '1.41', Os: 'linux', Arch: 'amd64' };
  if (path === '/info')
    return { DriverStatus: options.store === 'containerd' ? [['driver-type', 'io.containerd.snapshotter.v1']] : null };
  if (path === '/images/json') return engine.images;
  const name = /^\/images\/(.+)\/json$/.exec(path)?.[1] ?? '';
  return engine.images.find((image) => image.Id === name || image.RepoTags?.includes(name));
}

async function takeArchive({ request, response, engine, options }: Exchange): Promise<void> {
  const files: string[] = [];
  try {
    const tar = extract();
    request.on('error', (error) => tar.destroy(error));
    request.pipe(tar as unknown as NodeJS.WritableStream);
    for await (const entry of tar) {
      files.push(entry.header.name);
      entry.resume();
    }
  } catch {
    engine.brokenUploads += 1;
    return void response.destroy();
  }
  engine.archives.push(files);
  const lines = options.onLoad?.(engine) ?? [];
  response.end(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(''));
}

export interface SmallImage extends ImageParts {
  layers: { digest: Digest; diffId: string; bytes: Buffer }[];
  readBlob(digest: Digest): AsyncIterable<Uint8Array>;
}

/** An image of a few hundred bytes, one layer a text; nothing could run it. */
export function smallImage(reference: ImageParts['reference'], texts: string[]): SmallImage {
  const layers = texts.map((text) => {
    const bytes = Buffer.from(text);
    return {
      digest: digestOf(bytes),
      diffId: `sha256:${createHash('sha256').update(`tar of ${text}`).digest('hex')}`,
      bytes,
    };
  });
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  );
  const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        digest: digestOf(config),
        size: config.length,
      },
      layers: layers.map(({ digest, bytes }) => ({
        mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
        digest,
        size: bytes.length,
      })),
    }),
  );
  return {
    reference,
    manifest: { bytes: manifest, mediaType, digest: digestOf(manifest) },
    config: { bytes: config, digest: digestOf(config) },
    layers,
    readBlob: (digest) => inChunks(layers.find((layer) => layer.digest === digest)?.bytes ?? Buffer.alloc(0)),
  };
}

/** A few bytes at a time, as a swarm would deliver them. */
export async function* inChunks(bytes: Uint8Array, chunkBytes = 4): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) yield bytes.subarray(offset, offset + chunkBytes);
}
