/**
 * Through which door a request came and which registry that door means. Says nothing of the plain door: there the
 * request itself names its registry (route.ts).
 */
import type { IncomingMessage } from 'node:http';
import type { ProxyFault } from './faults.ts';
import { placeOf, registryAt } from './place.ts';
import { canonical } from './route.ts';

/** A decrypted connection: by CONNECT to a registry, or to this host as if it were one (by SNI). */
export type Door = { kind: 'connect'; registry: string } | { kind: 'stand-in'; name: string };

export interface Entrance {
  /** Undefined: the door means none. */
  registry?: string | undefined;
  /** Path and query. */
  target: string;
}

const ABSOLUTE = /^(https?):\/\/([^/?#]*)([^#]*)/i;

/** `hosts`: the registries there are. */
export function entranceOf(
  { url = '/', headers }: Pick<IncomingMessage, 'url' | 'headers'>,
  door: Door | undefined,
  hosts: ReadonlySet<string>,
): Entrance | ProxyFault {
  const [, scheme, authority = '', rest = url] = ABSOLUTE.exec(url) ?? [];
  const target = scheme !== undefined && !rest.startsWith('/') ? `/${rest}` : rest;
  // Put behind a registry's address, anything else could change that address: `*@evil.test`.
  if (!target.startsWith('/')) return { status: 400, code: 'UNSUPPORTED', message: 'the request has no path' };
  if (door?.kind === 'connect') return { registry: door.registry, target };
  if (door?.kind === 'stand-in') return standInFor(door.name, headers.host ?? door.name, { target, hosts });
  if (scheme === undefined) return { target };
  const defaultPort = scheme.toLowerCase() === 'http' ? 80 : 443;
  const place = placeOf(authority, defaultPort);
  const registry = place && registryAt(place, hosts, defaultPort);
  return registry === undefined ? refusal(authority) : { registry, target };
}

/** SNI has no port: two registries may share a name, and `Host` says which it is. */
function standInFor(
  name: string,
  hostHeader: string,
  { target, hosts }: { target: string; hosts: ReadonlySet<string> },
): Entrance | ProxyFault {
  const place = placeOf(hostHeader, 443);
  const registry = place && registryAt(place, hosts, 443);
  if (registry !== undefined && canonical(place?.host ?? '') === name) return { registry, target };
  const message = `this connection is for ${name}, and its Host header names no registry of that name in agent.yaml`;
  return { status: 421, code: 'UNSUPPORTED', message };
}

function refusal(authority: string): ProxyFault {
  const name = authority.replace(/[^\w.:-]/g, '?').slice(0, 100);
  const remedy = 'add it to registries in agent.yaml, or to NO_PROXY where the client runs';
  return {
    status: 403,
    code: 'DENIED',
    message: `this proxy passes plain HTTP to registries only: ${name}; ${remedy}`,
  };
}
