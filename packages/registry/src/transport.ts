/**
 * One request over HTTP: connections, certificates, timeouts, and redirects followed by hand so that a login never leaves
 * the host it was meant for while `Range` goes along.
 * Does not know registries, logins or retries; answers of any status are answers.
 */
import { X509Certificate } from 'node:crypto';
import type { Readable } from 'node:stream';
import { createSecureContext, rootCertificates } from 'node:tls';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import { RegistryError } from './errors.ts';
import { networkError } from './network-errors.ts';
import { isLoopback, type RegistrySettings } from './options.ts';
import { showUrl } from './redact.ts';

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface HttpAnswer {
  status: number;
  /** Names in lower case; a header sent several times is joined by commas. */
  headers: Record<string, string>;
  /** Where the answer came from in the end. */
  url: URL;
  /** True when redirects led to a host that must not see the login. */
  elsewhere: boolean;
  /** To be read to its end, left early, or discarded: else the connection hangs. Throws CUT, ABORTED. */
  body: AsyncIterable<Uint8Array>;
  discard(): void;
}

export interface HttpRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body?: Readable | undefined;
  signal?: AbortSignal | undefined;
}

export interface Transport {
  /** Any method; redirects of GET and HEAD are followed. Throws as `get`. */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Throws UNREACHABLE, UNTRUSTED, ABORTED, BAD_RESPONSE (redirects). */
  get(url: URL, headers: Record<string, string>, signal?: AbortSignal): Promise<HttpAnswer>;
  close(): Promise<void>;
}

export function createTransport(settings: RegistrySettings): Transport {
  const strict = createAgent(settings, true);
  // Only what runs on this machine is ever believed without a certificate: not where it redirects us to.
  const lax = settings.verifyCertificate ? undefined : createAgent(settings, false);
  const agentFor: AgentFor = (url) => (lax && isLoopback(url.hostname) ? lax : strict);
  return {
    request: (request) => followRedirects(agentFor, request),
    get: (url, headers, signal) => followRedirects(agentFor, { method: 'GET', url, headers, signal }),
    close: async () => {
      await Promise.all([strict.destroy(), lax?.destroy()]);
    },
  };
}

type AgentFor = (url: URL) => Agent;

function createAgent(settings: RegistrySettings, rejectUnauthorized: boolean): Agent {
  return new Agent({
    headersTimeout: settings.headersTimeoutMs,
    bodyTimeout: settings.bodyIdleTimeoutMs,
    pipelining: 1,
    connect: connectorOf(settings, {
      timeout: settings.connectTimeoutMs,
      rejectUnauthorized,
      ...(settings.ca === undefined ? {} : { secureContext: contextWith(settings) }),
    }),
  });
}

/** The registry's own name is reached at its address; a host it redirects to is reached by that host's name. */
function connectorOf({ address, baseUrls }: RegistrySettings, options: buildConnector.BuildOptions) {
  const connect = buildConnector(options);
  if (address === undefined) return connect;
  const origins = baseUrls.map((url) => new URL(url).origin);
  const instead = { hostname: address.hostname, port: String(address.port) };
  const connectThere: buildConnector.connector = (target, callback) => {
    const isRegistry = origins.includes(`${target.protocol}//${target.host}`);
    // `host` stays: the certificate is checked against it, and the Host header comes from the url.
    connect(isRegistry ? { ...target, ...instead } : target, callback);
  };
  return connectThere;
}

/** Naming a CA replaces Node's own list, so the public ones are put back: redirects may lead to a public host. */
function contextWith({ ca = '', host }: RegistrySettings) {
  try {
    // createSecureContext passes over text that is no certificate without a word.
    new X509Certificate(ca);
    return createSecureContext({ ca: [...rootCertificates, ca] });
  } catch (cause) {
    throw new RegistryError('INVALID_OPTIONS', `${host}: the CA is no PEM certificate.`, { cause });
  }
}

async function followRedirects(agentFor: AgentFor, first: HttpRequest): Promise<HttpAnswer> {
  let hop = first;
  let elsewhere = false;
  for (let redirects = 0; ; redirects += 1) {
    const answer = await send(agentFor(hop.url), hop, elsewhere);
    const location = answer.headers.location;
    if (!REDIRECTS.has(answer.status) || location === undefined || !isRead(first.method)) return answer;
    answer.discard();
    if (redirects === MAX_REDIRECTS) {
      throw new RegistryError('BAD_RESPONSE', `${showUrl(first.url)}: redirected more than ${MAX_REDIRECTS} times.`);
    }
    const next = locationOf(hop.url, location);
    elsewhere ||= !mayKeepLogin(hop.url, next);
    hop = { ...hop, url: next, headers: elsewhere ? withoutLogin(hop.headers) : hop.headers };
  }
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

async function send(
  agent: Agent,
  { method, url, headers, body, signal }: HttpRequest,
  elsewhere: boolean,
): Promise<HttpAnswer> {
  let answer: Dispatcher.ResponseData;
  try {
    answer = await request(url, {
      dispatcher: agent,
      method: method as Dispatcher.HttpMethod,
      body: body ?? null,
      headers: { 'user-agent': 'shoal', ...headers },
      signal: signal ?? null,
    });
  } catch (cause) {
    throw networkError(cause, { url, phase: 'request', signal });
  }
  // An error after we turned away from the body concerns nobody.
  answer.body.on('error', () => {});
  return {
    status: answer.statusCode,
    headers: joinHeaders(answer.headers),
    url,
    elsewhere,
    body: bodyOf(answer.body, { url, signal }),
    discard: () => {
      answer.body.dump({ limit: 64 * 1024 }).catch(() => {});
    },
  };
}

async function* bodyOf(body: AsyncIterable<Uint8Array>, { url, signal }: Pick<HttpRequest, 'url' | 'signal'>) {
  try {
    yield* body;
  } catch (cause) {
    throw networkError(cause, { url, phase: 'body', signal });
  }
}

function locationOf(from: URL, location: string): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (next === undefined || (next.protocol !== 'http:' && next.protocol !== 'https:')) {
    throw new RegistryError('BAD_RESPONSE', `${showUrl(from)}: redirected to something that is no http(s) url.`);
  }
  return next;
}

/** The same host and port over the same scheme, or the same host when http is lifted to https. */
function mayKeepLogin(from: URL, to: URL): boolean {
  if (from.origin === to.origin) return true;
  return from.hostname === to.hostname && from.protocol === 'http:' && to.protocol === 'https:';
}

function withoutLogin(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}

function joinHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return joined;
}
