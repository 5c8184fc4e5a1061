import { describe, expect, it } from 'vitest';
import type { KnownAgent } from '../session/agent-roster.ts';
import { startTracker } from '../tracker.testkit.ts';
import { createHostList, type HostQuery } from './host-list.ts';

interface Facts {
  name: string;
  zone?: string;
  business?: number;
  own?: number;
  online?: boolean;
}

function listOf(hosts: readonly Facts[]) {
  let changes = 0;
  let made = 0;
  const agents = hosts.map(({ name, zone = 'a', business, own = 0, online = true }) => ({
    ...{ peerId: name, name, role: 'agent', labels: { zone }, version: '1.0', online },
    platform: { os: 'linux', architecture: 'amd64' },
    card:
      business === undefined
        ? undefined
        : { business: { download: business, upload: 0 }, own: { download: 0, upload: own }, atMs: 0 },
  })) as unknown as KnownAgent[];
  const list = createHostList({
    all() {
      made++;
      return agents;
    },
    get: (peerId: string) => agents.find((agent) => agent.peerId === peerId),
    changes: () => changes,
  } as Parameters<typeof createHostList>[0]);
  return {
    names: (query: HostQuery = {}) => list.read(query).hosts.map(({ name }) => name),
    read: list.read,
    made: () => made,
    change: () => changes++,
  };
}

describe('the list of hosts', () => {
  it('is in the order of names, numbers by their value', () => {
    expect(listOf([{ name: 'web-10' }, { name: 'Web-9' }, { name: 'db-2' }]).names()).toEqual([
      'db-2',
      'Web-9',
      'web-10',
    ]);
  });

  it('is searched by words that all have to be there, wherever', () => {
    const list = listOf([
      { name: 'web-1', zone: 'rack-7' },
      { name: 'web-2', zone: 'rack-8', online: false },
      { name: 'db-1', zone: 'rack-7' },
    ]);
    expect(list.names({ search: 'ZONE=rack-7 web' })).toEqual(['web-1']);
    expect(list.names({ search: 'offline' })).toEqual(['web-2']);
    expect(list.names({ search: '  ' })).toHaveLength(3);
    expect(list.read({ search: 'nothing' })).toEqual({ total: 0, hosts: [] });
  });

  it('is read in parts, and says how many match', () => {
    const list = listOf(Array.from({ length: 30 }, (_, index) => ({ name: `h-${index}` })));
    expect(list.names({ offset: 10, limit: 3 })).toEqual(['h-10', 'h-11', 'h-12']);
    expect(list.read({ offset: 29, limit: 10 })).toMatchObject({ total: 30, hosts: [{ name: 'h-29' }] });
    expect(list.names({ offset: 30 })).toEqual([]);
    expect(list.read({ search: 'h-2', limit: 1 }).total).toBe(11);
  });

  it('has the busiest first, then those that say nothing by name', () => {
    const list = listOf([
      { name: 'b' },
      { name: 'a' },
      { name: 'busy', business: 9, own: 1 },
      { name: 'idle', business: 0, own: 5 },
    ]);
    expect(list.names({ order: 'business' })).toEqual(['busy', 'idle', 'a', 'b']);
    expect(list.names({ order: 'own', limit: 2 })).toEqual(['idle', 'busy']);
  });

  it('is made anew only when somebody came or left', () => {
    const list = listOf([{ name: 'a' }]);
    list.names();
    list.names({ search: 'a' });
    expect(list.made()).toBe(1);
    list.change();
    list.names();
    expect(list.made()).toBe(2);
  });

  it('goes over HTTP with how many match beside it, and refuses what is no number', async () => {
    const kit = await startTracker();
    for (const name of ['a-1', 'a-2', 'b-1']) await kit.agent(name);
    const headers = { authorization: `Bearer ${kit.tracker.createToken('reader', 'a page')}` };
    const get = (query: string) => fetch(`${kit.tracker.url}/v1/hosts?${query}`, { headers });
    const part = await get('search=a-&offset=1&limit=5');
    expect(part.headers.get('x-total-count')).toBe('2');
    expect(await part.json()).toMatchObject([{ name: 'a-2' }]);
    for (const query of ['limit=ten', 'offset=-1', 'order=age', 'sort=name'])
      expect((await get(query)).status, query).toBe(400);
  });
});
