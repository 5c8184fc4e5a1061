/**
 * Which hosts an order means, as people write it: `env=prod,rack in (r1,r2),build=10.0.14393.*`. Pure.
 * Terms stand between commas. All must hold, but host names (`web-*,db-1`) are alternatives to each other.
 */
import type { Platform } from '@shoal/oci';
import { globMatches } from '@shoal/policy';
import type { AgentRole } from '../client/session-messages.ts';
import { TrackerError } from '../errors.ts';

export interface HostCandidate {
  peerId: string;
  name: string;
  role: AgentRole;
  online: boolean;
  lastSeenAtMs: number;
  labels: Readonly<Record<string, string>>;
  platform: Platform;
}

export interface HostSelector {
  text: string;
  /** Globs of host names, without regard to case; any of them will do. */
  names: readonly string[];
  terms: readonly Term[];
}

interface Term {
  key: string;
  /** Globs; any of them will do. */
  values: readonly string[];
  negated: boolean;
}

/** What is known of every host, whatever its labels. A label of the same name is not seen. */
const FACTS: Readonly<Record<string, (host: HostCandidate) => string | undefined>> = {
  name: ({ name }) => name,
  role: ({ role }) => role,
  os: ({ platform }) => platform.os,
  arch: ({ platform }) => platform.architecture,
  build: ({ platform }) => platform.osVersion,
};

const SET_TERM = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const VALUE_TERM = /^([^\s=!]+)\s*(!=|==?)\s*(.*)$/;

/** Throws TrackerError INVALID_SELECTOR, naming the term. */
export function parseSelector(text: string): HostSelector {
  const names: string[] = [];
  const terms: Term[] = [];
  for (const part of splitTerms(text)) {
    const term = parseTerm(part);
    if (term) terms.push(term);
    else if (/^[^\s=!()]+$/.test(part)) names.push(part);
    else throw new TrackerError('INVALID_SELECTOR', `${part === '' ? 'an empty term' : part} in "${text}"`);
  }
  return { text, names, terms };
}

/** Commas inside of brackets separate values, not terms. */
function splitTerms(text: string): string[] {
  return text.split(/,(?![^(]*\))/).map((part) => part.trim());
}

function parseTerm(part: string): Term | undefined {
  const set = SET_TERM.exec(part);
  const [, key = '', operator, list = ''] = set ?? VALUE_TERM.exec(part) ?? [];
  if (operator === undefined) return undefined;
  const values = set ? list.split(',').map((value) => value.trim()) : [list.trim()];
  if (set && values.includes('')) return undefined;
  return { key, values, negated: operator === '!=' || operator === 'notin' };
}

/** A seeder is meant only where its name or role is asked for. */
export function matchesSelector({ names, terms }: HostSelector, host: HostCandidate): boolean {
  const asked = names.length > 0 || terms.some(({ key }) => key === 'role' || key === 'name');
  if (host.role === 'seeder' && !asked) return false;
  const named = names.length === 0 || names.some((glob) => matchesName(glob, host.name));
  return named && terms.every((term) => holds(term, host));
}

function holds({ key, values, negated }: Term, host: HostCandidate): boolean {
  const value = FACTS[key] ? FACTS[key](host) : Object.hasOwn(host.labels, key) ? host.labels[key] : undefined;
  const found = value !== undefined && values.some((glob) => globMatches(glob, value));
  return found !== negated;
}

function matchesName(glob: string, name: string): boolean {
  return globMatches(glob.toLowerCase(), name.toLowerCase());
}

/**
 * The hosts of a job: without selectors every agent that is not a seeder, else whoever one of them matches.
 * A host that was set up anew has a new key: its old self, offline under the same name, is left out.
 */
export function selectHosts<T extends HostCandidate>(known: readonly T[], selectors?: readonly HostSelector[]): T[] {
  const { names, others } = split(selectors ?? []);
  const isWanted = (host: T) =>
    names.has(host.name.toLowerCase()) || others.some((selector) => matchesSelector(selector, host));
  const wanted = known.filter((host) => (selectors ? isWanted(host) : host.role === 'agent'));
  const newest = new Map<string, T>();
  for (const host of wanted) {
    const other = newest.get(host.name);
    if (!other || isNewer(host, other)) newest.set(host.name, host);
  }
  return wanted.filter((host) => host.online || newest.get(host.name) === host);
}

/** The hosts that somebody names. Throws TrackerError INVALID_SELECTOR, NO_HOSTS when one of the texts matches nobody. */
export function meantHosts<T extends HostCandidate>(known: readonly T[], texts: readonly string[] | undefined): T[] {
  const selectors = texts?.map(parseSelector);
  const missing = unmatched(known, selectors ?? []);
  const hosts = selectHosts(known, selectors);
  if (hosts.length === 0 || missing.length > 0) throw new TrackerError('NO_HOSTS', missing.join(', '));
  return hosts;
}

/** Of what an order names, what is no host: most likely misspelt. */
export function unmatched(known: readonly HostCandidate[], selectors: readonly HostSelector[]): string[] {
  const there = new Set(known.map(({ name }) => name.toLowerCase()));
  const { names, others } = split(selectors);
  const missing = [...names].filter(([name]) => !there.has(name)).map(([, written]) => written);
  const unmet = others.flatMap((selector) => {
    const misspelt = selector.names.filter((glob) => !known.some(({ name }) => matchesName(glob, name)));
    if (misspelt.length > 0) return misspelt;
    return known.some((host) => matchesSelector(selector, host)) ? [] : [selector.text];
  });
  return [...missing, ...unmet];
}

/**
 * Those that are one host's name and nothing else, by that name in lower case: an order that names thousands of hosts
 * looks them up.
 */
function split(selectors: readonly HostSelector[]): { names: Map<string, string>; others: HostSelector[] } {
  const isName = ({ names, terms }: HostSelector) =>
    names.length === 1 && terms.length === 0 && !/[*?]/.test(names[0] ?? '');
  const names = selectors.filter(isName).map(({ names: [name = ''] }): [string, string] => [name.toLowerCase(), name]);
  return { names: new Map(names), others: selectors.filter((selector) => !isName(selector)) };
}

function isNewer(a: HostCandidate, b: HostCandidate): boolean {
  return a.online === b.online ? a.lastSeenAtMs > b.lastSeenAtMs : a.online;
}
