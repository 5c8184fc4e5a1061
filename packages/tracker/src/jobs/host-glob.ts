/**
 * Which hosts an order means. Pure.
 * A glob is matched against the whole name, without regard to case: `*` any text, `?` one character.
 */
import type { AgentRole } from '../client/session-messages.ts';

export function matchesGlob(glob: string, name: string): boolean {
  const pattern = glob.toLowerCase();
  const text = name.toLowerCase();
  let at = 0;
  let inPattern = 0;
  let star = -1;
  let starAt = 0;
  // The last star takes one more character whenever what follows it fails: never exponential.
  while (at < text.length) {
    if (pattern[inPattern] === '*') {
      star = inPattern++;
      starAt = at;
    } else if (pattern[inPattern] === '?' || pattern[inPattern] === text[at]) {
      at++;
      inPattern++;
    } else if (star >= 0) {
      inPattern = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (pattern[inPattern] === '*') inPattern++;
  return inPattern === pattern.length;
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
