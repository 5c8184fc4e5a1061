/** Hands a request on to its registry as it is, and the answer back; what comes counts against the bandwidth policy. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type HttpAnswer, RegistryError, type Upstream } from '@shoal/registry';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  upstream: Upstream;
  /** Path and query at the registry. */
  target: string;
  /** Aborts when the client is gone. */
  signal: AbortSignal;
  /** Waits until the policy lets so many bytes of the registry through. */
  take(bytes: number): Promise<void>;
  /** So many bytes go to the client. */
  onSent(source: ProxySource, bytes: number): void;
}

/** Of one connection, not of the message (RFC 9110, 7.6.1); and what would have the registry encode the body. */
const NOT_PASSED = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['host', 'proxy-authorization', 'accept-encoding', 'expect'],
]);
/** Where the bytes of an answer came from: this host's disk, peers while they came in, or the registry. */
export type ProxySource = 'cache' | 'swarm' | 'registry';
/** Tells the client. */
export const SOURCE = 'shoal-source';

export async function forward(exchange: Exchange): Promise<void> {
  await passOn(await ask(exchange), exchange);
}

/** Puts the client's request to the registry, with these headers besides. */
export function ask({ request, upstream, target, signal }: Exchange, more: Record<string, string> = {}) {
  const method = request.method ?? 'GET';
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  return upstream.request({
    ...{ method, target, signal, headers: { ...passedHeaders(request), ...more } },
    ...(hasBody && { body: request }),
  });
}

/** Whether it looks as if the registry could not answer at all, and not as if it refused. */
export function isAway({ error, status = 0 }: { error?: unknown; status?: number }): boolean {
  return status >= 500 || (error instanceof RegistryError && error.code === 'UNREACHABLE');
}

export async function passOn(answer: HttpAnswer, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  response.writeHead(answer.status, { ...answerHeaders(answer), [SOURCE]: 'registry' });
  await pipeline(Readable.from(fromRegistry(answer.body, exchange), { objectMode: false }), response);
}

export async function* fromRegistry(
  body: AsyncIterable<Uint8Array>,
  { take, onSent }: Pick<Exchange, 'take' | 'onSent'>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    await take(chunk.length);
    onSent('registry', chunk.length);
    yield chunk;
  }
}

/** What the client says to the registry. */
export function passedHeaders(request: IncomingMessage): Record<string, string> {
  const named = new Set((request.headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || NOT_PASSED.has(name) || named.has(name)) continue;
    passed[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return passed;
}

export function answerHeaders({ headers }: HttpAnswer): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED.has(name)));
}
