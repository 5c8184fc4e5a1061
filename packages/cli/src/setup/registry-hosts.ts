/**
 * The registries a host's programs are to reach through the proxy, by their names in image references. Decides what such
 * a name may be: all that follows becomes part of paths and files, so nothing else gets in. Pure.
 */
import { parseReference } from '@shoal/oci';
import { CliError } from '../errors.ts';

export const HUB = 'docker.io';
const HUB_NAMES = new Set([HUB, 'index.docker.io', 'registry-1.docker.io']);
/** Go's HTTP client, in every engine, never asks a proxy for these. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

/** In lower case, each once, Docker Hub as `docker.io`. Throws CliError WRONG_USAGE. */
export function parseRegistryHosts(names: readonly string[]): string[] {
  return [...new Set(names.map(parseRegistryHost))];
}

function parseRegistryHost(name: string): string {
  const host = name.toLowerCase();
  if (HUB_NAMES.has(host)) return HUB;
  // The grammar of references knows what a host is: `..`, a quote or a slash is none.
  if (registryOf(`${host}/team/app`) === host) return host;
  throw new CliError(
    'WRONG_USAGE',
    `${JSON.stringify(name)} is no registry; write it as in image references: harbor.example.com, 10.0.0.5:5000, docker.io.`,
  );
}

function registryOf(reference: string): string | undefined {
  try {
    return parseReference(reference).registry;
  } catch {
    return undefined;
  }
}

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
