/**
 * What a request to the proxy is for: which registry, and which manifest or blob of it. Decided from method and target
 * alone, in all the ways an engine can be pointed at us: `?ns=` (containerd), the registry's host as the first part of
 * the name (podman, `localhost:7620/harbor.example.com/…`), or neither, which means the default registry.
 */
import { type Digest, isDigest, isRepository, isTag } from '@shoal/oci';
import type { ProxyFault } from './faults.ts';

export interface KnownRegistries {
  /** In lower case; Docker Hub is `docker.io`. */
  hosts: ReadonlySet<string>;
  default?: string | undefined;
  /** Said already by the door the request came through; then nothing in it means another. */
  fixed?: string | undefined;
}

/** `target`: what to ask the registry for, path and query. */
export type Route =
  | { kind: 'blob'; host: string; target: string; repository: string; digest: Digest }
  | { kind: 'manifest'; host: string; target: string; repository: string; reference: string }
  | { kind: 'other'; host: string; target: string }
  /** Whether there is a registry here at all: podman's first question, whichever it then wants. */
  | { kind: 'ping' };

const API = '/v2/';
export const HUB = 'docker.io';
const HUB_NAMES = new Set([HUB, 'registry-1.docker.io', 'index.docker.io']);
const INVALID_NAME: ProxyFault = { status: 400, code: 'NAME_INVALID', message: 'invalid repository name' };
const CONTENT = /^(.+)\/(manifests|blobs)\/([^/]+)$/;

export function routeOf(
  { method, target }: { method: string; target: string },
  known: KnownRegistries,
): Route | ProxyFault {
  const isOpen = known.default === undefined && known.fixed === undefined;
  if (isOpen && target === API && method === 'GET') return { kind: 'ping' };
  const place = placeOf(target, known);
  if ('status' in place) return place;
  const { host, path, query } = place;
  const upstream = `${path}${query}`;
  const content = path.startsWith(API) ? CONTENT.exec(decoded(path.slice(API.length))) : null;
  if (content === null || (method !== 'GET' && method !== 'HEAD')) return { kind: 'other', host, target: upstream };
  const [, repository = '', kind, reference = ''] = content;
  if (!isRepository(repository)) return INVALID_NAME;
  if (kind === 'blobs') {
    if (isDigest(reference)) return { kind: 'blob', host, target: upstream, repository, digest: reference };
    return { status: 400, code: 'DIGEST_INVALID', message: 'provided digest is not one' };
  }
  if (isDigest(reference) || isTag(reference))
    return { kind: 'manifest', host, target: upstream, repository, reference };
  return { status: 400, code: 'MANIFEST_INVALID', message: 'neither a tag nor a digest' };
}

/** The registry of a repository as clients of the proxy name it, and its name there. */
export function repositoryAt(name: string, known: KnownRegistries): { host: string; repository: string } | ProxyFault {
  const place = placeOf(`${API}${name}`, known);
  if ('status' in place) return place;
  const repository = place.path.slice(API.length);
  return isRepository(repository) ? { host: place.host, repository } : INVALID_NAME;
}

/** The registry, and what is left of the target for it. */
function placeOf(target: string, known: KnownRegistries): { host: string; path: string; query: string } | ProxyFault {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (known.fixed !== undefined) return { host: known.fixed, path, query: mark < 0 ? '' : target.slice(mark) };
  const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
  const namespace = query.get('ns');
  if (namespace !== null) {
    query.delete('ns');
    const host = canonical(namespace);
    return known.hosts.has(host) ? { host, path, query: textOf(query) } : unknown(namespace);
  }
  const rest = { path, query: mark < 0 ? '' : target.slice(mark) };
  const [first = '', ...others] = path.startsWith(API) ? path.slice(API.length).split('/') : [];
  const host = canonical(decoded(first));
  if (others.length > 0 && known.hosts.has(host)) return { ...rest, host, path: `${API}${others.join('/')}` };
  return known.default === undefined ? unknown(first) : { ...rest, host: known.default };
}

/** In lower case, and Docker Hub under one name. */
export function canonical(host: string): string {
  const lower = host.toLowerCase();
  return HUB_NAMES.has(lower) ? HUB : lower;
}

function textOf(query: URLSearchParams): string {
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

/** What cannot be decoded is no name: it stays as it is and is refused. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function unknown(host: string): ProxyFault {
  const name = host.replace(/[^\w.:-]/g, '?').slice(0, 100);
  return {
    status: 404,
    code: 'NAME_UNKNOWN',
    message: `this proxy knows no registry "${name}"; add it to registries in agent.yaml, or name one as proxy.default`,
  };
}
