/**
 * The known hosts as a list that is searched, ordered and read in parts, so that a page of ten thousand hosts asks for
 * the thirty in sight. What is searched and ordered by is made once, until somebody comes or leaves.
 */
import type { HostOrder } from '../client/host-schemas.ts';
import type { AgentRoster, KnownAgent } from '../session/agent-roster.ts';

export interface HostQuery {
  /** Words with spaces between, each somewhere in what is known of a host. */
  search?: string;
  /** Default: name. By traffic: the most first. */
  order?: HostOrder;
  offset?: number;
  /** Default: all. */
  limit?: number;
}

export interface HostPart {
  /** How many match. */
  total: number;
  hosts: KnownAgent[];
}

export interface HostList {
  read(query: HostQuery): HostPart;
}

interface Entry {
  peerId: string;
  /** host-9 before host-10. */
  key: string;
  /** In small letters. */
  text: string;
}

export function createHostList(roster: AgentRoster): HostList {
  let entries: Entry[] = [];
  let madeAt = -1;
  const current = (): Entry[] => {
    if (madeAt === roster.changes()) return entries;
    madeAt = roster.changes();
    entries = roster.all().map(entryOf).sort(byKey);
    return entries;
  };
  return {
    read({ search = '', order = 'name', offset = 0, limit = Number.POSITIVE_INFINITY }) {
      const words = search.toLowerCase().split(/\s+/).filter(Boolean);
      const found = current().filter(({ text }) => words.every((word) => text.includes(word)));
      const part = <T>(all: readonly T[]): T[] => all.slice(offset, offset + limit);
      const agentOf = ({ peerId }: Entry) => roster.get(peerId);
      const hosts =
        order === 'name' ? part(found).map(agentOf) : part(mostFirst(found.map(agentOf).filter(isKnown), order));
      return { total: found.length, hosts: hosts.filter(isKnown) };
    },
  };
}

function isKnown(agent: KnownAgent | undefined): agent is KnownAgent {
  return agent !== undefined;
}

/** Hosts that say nothing come last, in the order of their names. */
function mostFirst(agents: readonly KnownAgent[], of: 'business' | 'own'): KnownAgent[] {
  const rate = ({ card }: KnownAgent) => (card === undefined ? -1 : card[of].download + card[of].upload);
  return agents.toSorted((a, b) => rate(b) - rate(a));
}

function byKey(a: Entry, b: Entry): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function entryOf({ peerId, name, labels, version, platform, role, online }: KnownAgent): Entry {
  const labelWords = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const words = [name, ...labelWords, version, platform.os, platform.architecture, platform.osVersion ?? '', role];
  return {
    peerId,
    key: name.toLowerCase().replaceAll(/\d+/g, (digits) => digits.padStart(10, '0')),
    text: [...words, online ? 'online' : 'offline'].join(' ').toLowerCase(),
  };
}
