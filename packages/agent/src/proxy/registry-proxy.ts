/**
 * The registry proxy: answers an engine on this host as its registry would. Blobs that are here come from here, all
 * else from the registry, with the client's own credentials.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Digest, isDigest } from '@shoal/oci';
import { createUpstream, type Upstream } from '@shoal/registry';
import type { Logger } from 'pino';
import { AgentError, toPortError } from '../errors.ts';
import type { BlobFile } from '../store/blob-file.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { Authority } from './authority.ts';
import { answerBlob } from './blob-answer.ts';
import { cachedBlob } from './cached-blob.ts';
import { type DoorsOptions, openDoors } from './doors.ts';
import { answerFault, faultOf, type ProxyFault } from './faults.ts';
import { type Exchange, forward, isAway, type ProxySource } from './forward.ts';
import { createKeptManifests } from './kept-manifests.ts';
import { authorizationAt, createLoginDesk, pong } from './login-desk.ts';
import { createLoopGuard } from './loop-guard.ts';
import { answerManifest } from './manifest-answer.ts';
import type { PullStatus, Pulls } from './pulls.ts';
import { type BlobRequest, mayRead } from './registry-right.ts';
import { createRights } from './rights.ts';
import { type Route, routeOf } from './route.ts';

/** A registry that engines reach through the proxy. */
export interface ProxyRegistry {
  /** As it stands in image references. */
  host: string;
  /** Where it is reached; default: `https://<host>`. */
  url?: string;
  /** `host:port` to connect to in place of what its name means on this host. */
  address?: string;
  /** PEM of its authority. */
  ca?: string;
}

/** `tunnelOthers`: whether a CONNECT to others is let through (default: true); `tls`: where we stand in for registries. */
export interface ProxyOptions extends DoorsOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  registries: readonly ProxyRegistry[];
  /** The registry of names without a host; default: the only one there is. */
  default?: string;
  /** While a registry is away: how long what it allowed a client still counts, and how long a tag is what it was. Default: 0. */
  trustRightsForMs?: number;
  staleTagsForMs?: number;
}

export interface ProxyParts {
  /** In whose name the proxy speaks as a registry. */
  authority: Authority;
  store: BlobStore;
  pulls: Pulls;
  /** The cache's blob is not what it was when it was verified. */
  onSpoilt(digest: BlobFile['digest']): void;
  /** Waits until the bandwidth policy lets bytes of a registry through. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
  logger: Logger;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

export interface RegistryProxy {
  readonly port: number;
  /** Of the stand-in, if there is one. */
  readonly tlsPort: number | undefined;
  /** PEM of the authority that engines must trust. */
  readonly certFile: string;
  /** Bodies of answers, by where they came from. */
  readonly sentBytes: Readonly<Record<ProxySource, number>>;
  /** Blobs that come in for engines now. */
  running(): PullStatus[];
  close(): Promise<void>;
}

/** Blobs sent at a time: each holds some 200 KB, whatever its client takes. One engine asks for three. */
const MOST_BODIES = 2048;
/** Connections that the kernel keeps until we see them; of Node's 511 thousands at once waited a minute for their turn. */
const BACKLOG = 4096;
const CROWDED: ProxyFault = {
  status: 503,
  code: 'TOOMANYREQUESTS',
  message: `this proxy sends ${MOST_BODIES} blobs already; try again`,
};

/** Throws AgentError PORT_IN_USE, INVALID_OPTIONS; RegistryError INVALID_OPTIONS. */
export async function openRegistryProxy(options: ProxyOptions, parts: ProxyParts): Promise<RegistryProxy> {
  const upstreams = new Map<string, Upstream>();
  const guard = createLoopGuard();
  for (const registry of options.registries)
    upstreams.set(registry.host.toLowerCase(), guard.mark(createUpstream(registry)));
  const [only] = upstreams.size === 1 ? upstreams.keys() : [];
  const known = { hosts: new Set(upstreams.keys()), default: options.default?.toLowerCase() ?? only };
  if (known.default !== undefined && !upstreams.has(known.default))
    throw new AgentError('INVALID_OPTIONS', `proxy.default ${options.default} is not in registries; add it there`);
  const { trustRightsForMs: trustMs = 0, staleTagsForMs: staleTagsMs = 0 } = options;
  const rights = createRights(parts.nowMs, trustMs);
  const kept = createKeptManifests();
  const logins = createLoginDesk({ known, upstreams, trustsAway: trustMs > 0 });
  const sentBytes = { cache: 0, swarm: 0, registry: 0 };
  const onSent = (source: ProxySource, bytes: number): void => {
    sentBytes[source] += bytes;
  };
  const { store, pulls, logger } = parts;

  /** An engine that asks whether there is a registry, while it is away and what it had said may still count. */
  const answerOther = async (exchange: Exchange): Promise<void> => {
    const { request, response, target } = exchange;
    if (trustMs === 0 || request.method !== 'GET' || target !== '/v2/') return forward(exchange);
    try {
      await forward(exchange);
    } catch (error) {
      if (!isAway({ error }) || response.headersSent) throw error;
      pong(response);
    }
  };

  let bodies = 0;

  const answer = async (route: Exclude<Route, { kind: 'ping' }>, exchange: Exchange): Promise<void> => {
    if (route.kind === 'other') return answerOther(exchange);
    const { host, repository } = route;
    const digest = route.kind === 'blob' ? route.digest : route.reference;
    const claim = { host, repository, digest, authorization: exchange.request.headers.authorization };
    const asked = { ...exchange, claim, rights };
    if (route.kind === 'manifest')
      return answerManifest({ ...asked, kept, isTag: !isDigest(digest), staleTagsMs, nowMs: parts.nowMs });
    // Counted before the first wait: thousands that come at once all wait for the same answers.
    if (bodies >= MOST_BODIES) return answerFault(exchange.response, CROWDED);
    bodies++;
    return answerForBlob(route.digest, asked).finally(() => bodies--);
  };

  const answerForBlob = async (digest: Digest, asked: BlobRequest): Promise<void> => {
    const { method } = asked.request;
    const here = store.get(digest);
    let pulled = here?.complete && (await mayRead(asked)) ? cachedBlob(here) : undefined;
    if (!here?.complete && method === 'GET') pulled = await pulls.open(asked);
    if (pulled === undefined) return forward(asked); // in the registry's own words, such as where to get a token
    const onBroken = (error: unknown): void => {
      logger.error(
        { event: 'blob broken off', digest, err: error },
        'a blob cannot be had here; its registry sends the rest',
      );
      if (here?.complete) parts.onSpoilt(digest);
    };
    return answerBlob({ ...asked, pulled, onBroken });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const entrance = guard.faultOf(request) ?? doors.entranceOf(request);
    if ('status' in entrance) return answerFault(response, entrance);
    const { registry: fixed, target } = entrance;
    if (fixed === undefined && (await logins.answer(request, response, target))) return;
    const route = routeOf({ method: request.method ?? 'GET', target }, { ...known, fixed });
    if ('status' in route) return answerFault(response, route);
    if (route.kind === 'ping') return pong(response);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const { signal } = gone;
    const upstream = upstreams.get(route.host) as Upstream;
    const authorization = authorizationAt(route.host, request.headers.authorization);
    if (authorization === undefined) delete request.headers.authorization;
    else request.headers.authorization = authorization;
    const exchange = { request, response, upstream, target: route.target, signal, onSent };
    await answer(route, { ...exchange, take: (bytes) => parts.take(bytes, signal) });
  };

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (request.destroyed && response.destroyed) return; // the client went away
      logger.warn(
        { event: 'proxy failed', code: (error as { code?: string }).code, err: error },
        'a pull was not served',
      );
      if (response.headersSent) response.destroy();
      else answerFault(response, faultOf(error));
    });
  });
  server.requestTimeout = 0; // a push may take as long as it likes
  const { authority } = parts;
  const doors = await openDoors(options, { server, authority, hosts: known.hosts, logger });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(toPortError(error, options, 'proxy.port')));
    server.listen({ port: options.port, host: options.host, backlog: BACKLOG }, resolve);
  }).catch(async (error: unknown) => {
    await doors.close();
    throw error;
  });
  return {
    port: (server.address() as { port: number }).port,
    tlsPort: doors.tlsPort,
    certFile: authority.certFile,
    sentBytes,
    running: () => pulls.running(),
    async close() {
      pulls.stop();
      await doors.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
    },
  };
}
