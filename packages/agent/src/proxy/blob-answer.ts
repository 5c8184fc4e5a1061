/**
 * Answers a GET or HEAD of a blob that is on this host's disk or on its way there, in order. Should the disk fail, or
 * neither swarm nor registry bring a piece, this client's own request to the registry is the last resort.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Exchange, fromRegistry, passedHeaders, SOURCE } from './forward.ts';
import type { Pulled } from './pulls.ts';
import { type ByteRange, rangeOf } from './range.ts';

export interface BlobAnswer extends Exchange {
  pulled: Pulled;
  /** The disk failed in the middle, or a piece did not come. */
  onBroken(error: unknown): void;
}

/** Of one client: many slow ones must not fill the memory. */
const READ_BYTES = 64 * 1024;

export async function answerBlob(asked: BlobAnswer): Promise<void> {
  const { request, response, pulled } = asked;
  const { blob, source } = pulled;
  const { size, digest } = blob;
  const etag = `"${digest}"`;
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
  const done = blob.use();
  await pipeline(Readable.from(bytesOf(asked, { start, end }), { objectMode: false }), response).finally(done);
}

async function* bytesOf(asked: BlobAnswer, { start, end }: ByteRange): AsyncGenerator<Uint8Array> {
  const { pulled, signal } = asked;
  const { blob } = pulled;
  let position = start;
  try {
    while (position < end) {
      await pulled.whenHere(position);
      const pieceEnd = (Math.floor(position / blob.pieceLength) + 1) * blob.pieceLength;
      const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position, pieceEnd - position));
      await blob.read(position, chunk);
      position += chunk.length;
      asked.onSent(pulled.source, chunk.length);
      yield chunk;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    asked.onBroken(error);
    yield* restOf(asked, position, end);
  }
}

async function* restOf(asked: BlobAnswer, start: number, end: number): AsyncGenerator<Uint8Array> {
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
