/**
 * Which hosts an order means. Pure.
 * A glob is matched against the whole name, without regard to case: `*` any text, `?` one character.
 */
import { globMatches } from '@shoal/policy';
import type { AgentRole } from '../client/session-messages.ts';

export function matchesGlob(glob: string, name: string): boolean {
  return globMatches(glob.toLowerCase(), name.toLowerCase());
}

export interface HostCandidate {
  peerId: string;
  name: string;
  role: AgentRole;
  online: boolean;
  lastSeenAtMs: number;
}

/**
 * The hosts of a job: without globs every agent that is not a seeder, else whoever a glob matches.
 * A host that was set up anew has a new key: its old self, offline under the same name, is left out.
 */
export function selectHosts<T extends HostCandidate>(known: readonly T[], globs: readonly string[] | undefined): T[] {
  const wanted = known.filter((host) =>
    globs ? globs.some((glob) => matchesGlob(glob, host.name)) : host.role === 'agent',
  );
  const newest = new Map<string, T>();
  for (const host of wanted) {
    const other = newest.get(host.name);
    if (!other || isNewer(host, other)) newest.set(host.name, host);
  }
  return wanted.filter((host) => host.online || newest.get(host.name) === host);
}

/** Of what an order names, what is no host: most likely misspelt. */
export function unmatchedGlobs(known: readonly HostCandidate[], globs: readonly string[]): string[] {
  return globs.filter((glob) => !known.some(({ name }) => matchesGlob(glob, name)));
}

function isNewer(a: HostCandidate, b: HostCandidate): boolean {
  return a.online === b.online ? a.lastSeenAtMs > b.lastSeenAtMs : a.online;
}
