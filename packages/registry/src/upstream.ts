/**
 * A registry as its own clients reach it: their requests, their headers, their login; ours has no part in it.
 * Does not retry.
 */
import type { Readable } from 'node:stream';
import { createAddressFinder } from './client.ts';
import { type RegistryOptions, settingsOf } from './options.ts';
import { askForToken, type TokenAnswer, type TokenAsk } from './tokens.ts';
import { createTransport, type HttpAnswer } from './transport.ts';

export interface UpstreamRequest {
  method: string;
  /** Path and query. */
  target: string;
  headers: Record<string, string>;
  body?: Readable;
  signal?: AbortSignal;
}

export interface Upstream {
  /** An answer of any status; redirects of GET and HEAD are followed. Throws UNREACHABLE, UNTRUSTED, ABORTED, BAD_RESPONSE. */
  request(request: UpstreamRequest): Promise<HttpAnswer>;
  /** A token for one of its clients, as the registry says where to get one. Throws as `request`, and UNAUTHORIZED. */
  token(ask: TokenAsk): Promise<TokenAnswer>;
  close(): Promise<void>;
}

/** A registry may take its time over the end of a large push. */
const HEADERS_MS = 300_000;

/** Throws INVALID_OPTIONS. */
export function createUpstream(options: Pick<RegistryOptions, 'host' | 'url' | 'address' | 'ca'>): Upstream {
  const settings = settingsOf({ ...options, headersTimeoutMs: HEADERS_MS });
  const transport = createTransport(settings);
  const findBaseUrl = createAddressFinder(settings, transport);
  return {
    async request({ target, ...request }) {
      return transport.request({ ...request, url: new URL(`${await findBaseUrl(request.signal)}${target}`) });
    },
    async token(ask) {
      const baseUrl = await findBaseUrl(ask.signal);
      const get = (url: URL, headers: Record<string, string>) =>
        transport.get(url, { ...ask.headers, ...headers }, ask.signal);
      return askForToken(ask, { host: settings.host, baseUrl, get });
    },
    close: () => transport.close(),
  };
}
