/**
 * A registry that misbehaves on purpose: serves test images from their layouts and, for each request, what a test's
 * fault says instead. Remembers what it was asked and what it sent.
 *
 * Speaks as much of the distribution API as reading needs, over plain HTTP on loopback.
 */

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Digest, digestOf } from '@shoal/oci';
import { cleanUpAfter } from './cleanup.ts';
import { blobFile } from './image.ts';

export interface Ask {
  kind: 'manifest' | 'blob';
  /** Tag or digest. */
  what: string;
  /** From the Range header. */
  offset: number;
  authorization?: string;
  /** Monotonic. */
  atMs: number;
  /** Of the body, that left this process. */
  sentBytes: number;
}

export type Misbehaviour =
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Announces everything, and breaks the connection before this byte of the blob. */
  | { cutAt: number }
  /** Sends nothing from this byte of the blob on until the promise resolves. */
  | { holdAt: number; until: Promise<unknown> };

/** `count` tells how many requests for the same thing came before. */
export type Fault = (ask: Ask, count: number) => Misbehaviour | undefined;

/** What a repository holds under its one tag `1`. */
export interface Served {
  layout?: string;
  manifest: { bytes: Buffer; mediaType: string };
  /** In place of what the layout has; their digests are not checked. */
  spoiled?: Map<string, Buffer>;
  fault?: Fault;
}

export interface FaultyRepository {
  /** `127.0.0.1:port/name:1` */
  reference: string;
  asks: Ask[];
  asksFor(what: string): Ask[];
  /** From now on it behaves, or otherwise misbehaves. */
  becomes(change: Pick<Served, 'fault' | 'spoiled'>): void;
}

export interface FaultyRegistry {
  host: string;
  url: string;
  serve(name: string, served: Served): FaultyRepository;
}

export async function startFaultyRegistry(): Promise<FaultyRegistry> {
  const repositories = new Map<string, { served: Served; asks: Ask[] }>();
  const server = createServer((request, response) => answer(request, response, repositories));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpAfter(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    serve(name, served) {
      const asks: Ask[] = [];
      repositories.set(name, { served, asks });
      return {
        reference: `${host}/${name}:1`,
        asks,
        asksFor: (what) => asks.filter((ask) => ask.what === what),
        becomes: (change) =>
          repositories.set(name, { served: { ...served, fault: undefined, spoiled: undefined, ...change }, asks }),
      };
    },
  };
}

/** A fault of blobs only; manifests and other blobs are served. */
export function onBlob(digest: string, fault: Fault): Fault {
  return (ask, count) => (ask.what === digest ? fault(ask, count) : undefined);
}

/** The same answer for ever, in the words of the distribution spec. */
export function refusal(status: number, code: string, message: string, headers = {}): Misbehaviour {
  const body = JSON.stringify({ errors: [{ code, message }] });
  return { status, headers: { 'content-type': 'application/json', ...headers }, body };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  repositories: Map<string, { served: Served; asks: Ask[] }>,
): void {
  const [, name = '', kind, what = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? '') ?? [];
  const repository = repositories.get(name);
  if (repository === undefined) {
    response.writeHead(request.url === '/v2/' ? 200 : 404).end();
    return;
  }
  const { served, asks } = repository;
  const { authorization, range = '' } = request.headers;
  const ask: Ask = {
    ...{ kind: kind === 'manifests' ? 'manifest' : 'blob', what, authorization, sentBytes: 0 },
    offset: Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0),
    atMs: performance.now(),
  };
  const count = asks.filter((before) => before.what === what).length;
  asks.push(ask);
  const fault = served.fault?.(ask, count);
  if (fault !== undefined && 'status' in fault) response.writeHead(fault.status, fault.headers).end(fault.body);
  else if (ask.kind === 'manifest') sendManifest(response, what, served);
  else void sendBlob(response, { ask, fault, bytes: bytesOf(what, served) });
}

function sendManifest(response: ServerResponse, what: string, { manifest }: Served): void {
  const digest = digestOf(manifest.bytes);
  if (what !== '1' && what !== digest) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    return;
  }
  response.writeHead(200, { 'content-type': manifest.mediaType, 'docker-content-digest': digest });
  response.end(manifest.bytes);
}

function bytesOf(digest: string, { layout, spoiled }: Served): Buffer | undefined {
  const wrong = spoiled?.get(digest);
  if (wrong !== undefined || layout === undefined) return wrong;
  return readFileSync(blobFile(layout, digest as Digest));
}

interface BlobAnswer {
  ask: Ask;
  fault: Exclude<Misbehaviour, { status: number }> | undefined;
  bytes: Buffer | undefined;
}

async function sendBlob(response: ServerResponse, { ask, fault, bytes }: BlobAnswer): Promise<void> {
  if (bytes === undefined) {
    response.writeHead(404).end();
    return;
  }
  const range = { 'content-range': `bytes ${ask.offset}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(ask.offset > 0 ? 206 : 200, {
    'content-length': bytes.length - ask.offset,
    ...(ask.offset > 0 ? range : {}),
  });
  response.flushHeaders();
  const send = (from: number, to: number): Promise<void> => {
    ask.sentBytes += Math.max(0, to - from);
    return new Promise((resolve) => void response.write(bytes.subarray(from, to), () => resolve()));
  };
  if (fault === undefined) {
    await send(ask.offset, bytes.length);
    response.end();
  } else if ('cutAt' in fault) {
    await send(ask.offset, Math.max(ask.offset, fault.cutAt));
    response.destroy();
  } else {
    const holdAt = Math.max(ask.offset, fault.holdAt);
    await send(ask.offset, holdAt);
    await fault.until;
    await send(holdAt, bytes.length);
    response.end();
  }
}
