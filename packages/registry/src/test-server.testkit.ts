/** A small HTTP server that plays one behaviour of a registry, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface TestServer {
  /** `127.0.0.1:<port>` */
  host: string;
  url: string;
  /** `GET /v2/…`, in order. */
  asked: string[];
  requests: IncomingMessage[];
  /** `authorization` of every request, in order. */
  logins: (string | undefined)[];
}

/** `count` tells how many requests for the same path came before. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export async function startServer(handler: Handler, tls?: { key: string; cert: string }): Promise<TestServer> {
  const requests: IncomingMessage[] = [];
  const asked: string[] = [];
  const logins: (string | undefined)[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    const count = asked.filter((line) => line === `GET ${path}`).length;
    requests.push(request);
    asked.push(`${request.method} ${path}`);
    logins.push(request.headers.authorization);
    handler(request, response, count);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `${tls ? 'https' : 'http'}://${host}`, asked, requests, logins };
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Answers like a registry with Range support. */
export function serveRange(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = Number(range?.[1] ?? 0);
  const body = bytes.subarray(start, range?.[2] ? Number(range[2]) + 1 : undefined);
  if (range === null) response.writeHead(200, { 'content-length': bytes.length });
  else {
    const sent = `bytes ${start}-${start + body.length - 1}/${bytes.length}`;
    response.writeHead(206, { 'content-length': body.length, 'content-range': sent });
  }
  response.end(body);
}

/** Announces all bytes from the wanted start, sends `sent` of them and cuts the connection. */
export function serveAndCut(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, sent }: { bytes: Buffer; sent: number },
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = bytes.subarray(start);
  const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length, ...(start > 0 ? range : {}) });
  response.write(rest.subarray(0, sent), () => response.destroy());
}
