/*
 * A registry as a program of its own, over HTTP and only to be read. Argument: JSON { host, several }: images whose
 * layers are computed as they are read. Tells `ready` with its URL.
 */
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createSeveralImages } from '../shoal/several-images.mjs';
import { failed, obey, tell } from './line-protocol.mjs';

const { host, several } = JSON.parse(process.argv[2] ?? '{}');
const source = createSeveralImages(several);
const PATHS = /^\/v2\/(?<repository>.+)\/(?<kind>manifests|blobs)\/(?<reference>[^/]+)$/;

/** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
async function answer(request, response) {
  const { repository = '', kind, reference = '' } = PATHS.exec(request.url ?? '')?.groups ?? {};
  if (kind === undefined) return void response.writeHead(request.url === '/v2/' ? 200 : 404).end();
  if (kind === 'manifests') {
    const isDigest = reference.startsWith('sha256:');
    const { bytes, mediaType, digest } = isDigest
      ? await source.manifest(repository, reference)
      : await source.resolve({ repository, tag: reference });
    const headers = { 'content-type': mediaType, 'docker-content-digest': digest, 'content-length': bytes.length };
    return void response.writeHead(200, headers).end(bytes);
  }
  const size = source.sizeOf(reference);
  const [, first = '0', last = String(size - 1)] = /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? '') ?? [];
  const [offset, end] = [Number(first), Number(last) + 1];
  const ranged = { 'content-range': `bytes ${offset}-${end - 1}/${size}` };
  response.writeHead(request.headers.range ? 206 : 200, {
    ...{ 'content-type': 'application/octet-stream', 'content-length': end - offset },
    ...(request.headers.range ? ranged : {}),
  });
  await pipeline(
    Readable.from(cutTo(source.readBlob(repository, { digest: reference }, { offset }), end - offset)),
    response,
  );
}

/** @param {AsyncIterable<Buffer>} chunks @param {number} length */
async function* cutTo(chunks, length) {
  let left = length;
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

const server = createServer((request, response) => answer(request, response).catch(() => response.destroy()));
server.listen(0, host, () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  obey({}, async () => void server.closeAllConnections());
  tell('ready', { url: `http://${host}:${address.port}` });
});
server.on('error', failed);
