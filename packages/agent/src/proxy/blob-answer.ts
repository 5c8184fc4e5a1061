/**
 * Answers a GET or HEAD of a blob that is on this host's disk or on its way there, in order, once the registry has said
 * that this client may read it. Should the disk fail or a piece not come, the registry sends the rest.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BlobFile } from '../store/blob-file.ts';
import { type Exchange, forward, fromRegistry, type ProxySource, passedHeaders, SOURCE } from './forward.ts';
import { type ByteRange, rangeOf } from './range.ts';
import type { Claim, Rights } from './rights.ts';

export interface BlobRequest extends Exchange {
  blob: BlobFile;
  claim: Claim;
  rights: Rights;
  /** Whether all of it is here or on its way, which is hurried from now on. */
  isComing(): boolean;
  /** How long to wait for a piece that is on its way. */
  pieceWaitMs: number;
  /** The disk failed in the middle, or a piece did not come. */
  onBroken(error: unknown): void;
}

/** Of one client: many slow ones must not fill the memory. */
const READ_BYTES = 128 * 1024;

export async function answerBlob(asked: BlobRequest): Promise<void> {
  // The registry's own words, such as where to get a token; nothing is hurried for who may not read it.
  if (!(await mayRead(asked)) || !asked.isComing()) return forward(asked);
  const { request, response, blob } = asked;
  const { size, digest } = blob;
  const etag = `"${digest}"`;
  const source = blob.complete ? 'cache' : 'swarm';
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? rangeOf(request.headers.range, size) : undefined;
  const headers: OutgoingHttpHeaders = {
    ...{ 'content-type': 'application/octet-stream', 'docker-content-digest': digest, etag, 'accept-ranges': 'bytes' },
    [SOURCE]: source,
  };
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...headers, 'content-range': `bytes */${size}`, 'content-length': 0 }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: size };
  if (range !== undefined) headers['content-range'] = `bytes ${start}-${end - 1}/${size}`;
  response.writeHead(range === undefined ? 200 : 206, { ...headers, 'content-length': end - start });
  if (request.method === 'HEAD') return void response.end();
  await pipeline(Readable.from(bytesOf(asked, source, { start, end }), { objectMode: false }), response);
}

async function mayRead({ claim, rights, upstream, target, request, signal }: BlobRequest): Promise<boolean> {
  if (rights.isConfirmed(claim)) return true;
  const { range: _range, 'if-range': _ifRange, ...headers } = passedHeaders(request);
  const answer = await upstream.request({ method: 'HEAD', target, headers, signal });
  answer.discard();
  if (answer.status !== 200) return false;
  rights.confirm(claim);
  return true;
}

async function* bytesOf(
  asked: BlobRequest,
  source: ProxySource,
  { start, end }: ByteRange,
): AsyncGenerator<Uint8Array> {
  const { blob, signal } = asked;
  let position = start;
  try {
    while (position < end) {
      const pieceEnd = await whenHere(asked, position);
      const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position, pieceEnd - position));
      await blob.read(position, chunk);
      position += chunk.length;
      asked.onSent(source, chunk.length);
      yield chunk;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    asked.onBroken(error);
    yield* restOf(asked, position, end);
  }
}

/** Where the bytes end that can be read from this position on. */
async function whenHere({ blob, signal, pieceWaitMs }: BlobRequest, position: number): Promise<number> {
  if (blob.complete) return blob.size;
  const piece = Math.floor(position / blob.pieceLength);
  if (!blob.held.has(piece)) await blob.whenHeld(piece, AbortSignal.any([signal, AbortSignal.timeout(pieceWaitMs)]));
  return (piece + 1) * blob.pieceLength;
}

async function* restOf(asked: BlobRequest, start: number, end: number): AsyncGenerator<Uint8Array> {
  const { upstream, target, request, signal } = asked;
  const headers = { ...passedHeaders(request), range: `bytes=${start}-${end - 1}` };
  const answer = await upstream.request({ method: 'GET', target, headers, signal });
  // A 200 would begin at the first byte again: the connection is cut, and the client resumes.
  if (answer.status !== 206) {
    answer.discard();
    throw new Error(`the registry answered ${answer.status} where the rest of a blob was asked for`);
  }
  yield* fromRegistry(answer.body, asked);
}
