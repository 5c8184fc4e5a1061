/** A small HTTP server that plays a registry and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface FakeRegistry {
  url: string;
  /** `GET /v2/…`, in order. */
  asked: string[];
  requests: IncomingMessage[];
}

export async function fakeRegistry(handler: Handler): Promise<FakeRegistry> {
  const requests: IncomingMessage[] = [];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    asked.push(`${request.method} ${request.url}`);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, requests };
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
