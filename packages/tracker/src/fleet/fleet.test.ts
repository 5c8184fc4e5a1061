import { describe, expect, it, onTestFinished } from 'vitest';
import type { FleetChange } from '../client/fleet-schemas.ts';
import { createSseParser } from '../client/sse-parser.ts';
import { createManualClock } from '../clock.testkit.ts';
import { imageIn } from '../memory-source.testkit.ts';
import type { KnownAgent } from '../session/agent-roster.ts';
import { zonesBy } from '../swarms/zones.ts';
import { reportOf, startTracker, type TestTracker } from '../tracker.testkit.ts';
import { createEventLog } from './event-log.ts';
import { createFleetDesk } from './fleet-desk.ts';
import { countHosts } from './fleet-view.ts';

const IMAGE = 'registry.test/team/app:1';

function host(name: string, changes: Partial<KnownAgent> = {}): KnownAgent {
  return {
    ...{ peerId: name, name, role: 'agent', online: true, lastSeenAtMs: 0, labels: { zone: 'a' }, version: '1' },
    ...{ platform: { os: 'linux', architecture: 'amd64' }, engine: null },
    traffic: { sentBytes: 1, receivedBytes: 2, remoteBytes: 1, originBytes: 3 },
    ...changes,
  } as KnownAgent;
}

/** Opens the fleet's stream; each call resolves with the next change. */
async function streamOf(kit: TestTracker): Promise<() => Promise<FleetChange>> {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const headers = { authorization: `Bearer ${kit.tracker.createToken('reader', 'a page')}` };
  const { body } = await fetch(`${kit.tracker.url}/v1/events`, { headers, signal: abort.signal });
  const reader = body!.getReader();
  const events: FleetChange[] = [];
  const parser = createSseParser();
  return async () => {
    while (events.length === 0) {
      const { value = new Uint8Array(), done } = await reader.read();
      if (done) throw new Error('the stream ended');
      for (const { data } of parser.push(value)) events.push(JSON.parse(data));
    }
    return events.shift() as FleetChange;
  };
}

it('the stream of a token that is good no more ends', async () => {
  const clock = createManualClock();
  const kit = await startTracker({ clock });
  const next = await streamOf(kit);
  await next();
  clock.advance(60_000);
  for (const { id, name } of await kit.client.tokens()) if (name === 'a page') await kit.client.revokeToken(id);
  clock.advance(60_000);
  await expect(untilEnd(next)).rejects.toThrow('the stream ended');
});

async function untilEnd(next: () => Promise<unknown>): Promise<never> {
  for (;;) await next();
}

describe('the fleet in sums', () => {
  it('counts hosts by zone, version and platform', () => {
    const hosts = [
      host('a'),
      host('b', { online: false, labels: {}, version: '2' }),
      host('w', { platform: { os: 'windows', architecture: 'amd64', osVersion: '10.0.20348' } }),
      host('s', { role: 'seeder' }),
    ];
    expect(countHosts(hosts, zonesBy('zone'))).toEqual({
      agents: { known: 3, online: 2 },
      seeders: { known: 1, online: 1 },
      zones: [
        { name: 'a', online: 3, offline: 0 },
        { name: '', online: 0, offline: 1 },
      ],
      versions: [
        { name: '1', online: 3, offline: 0 },
        { name: '2', online: 0, offline: 1 },
      ],
      platforms: [
        { name: 'linux/amd64', online: 2, offline: 1 },
        { name: 'windows/amd64 10.0.20348', online: 1, offline: 0 },
      ],
    });
  });
});

it('what hosts moved is added up, of those that left as well, and forgotten hosts count no more', async () => {
  const kit = await startTracker();
  const [a, b] = [await kit.agent('a'), await kit.agent('b')];
  for (const agent of [a, b]) {
    agent.send({ type: 'traffic', sentBytes: 1, receivedBytes: 2, remoteBytes: 1, originBytes: 3 });
    await agent.settled();
  }
  await b.close();
  await kit.logged('agent disconnected');
  const next = await streamOf(kit);
  const traffic = { sentBytes: 2, receivedBytes: 4, remoteBytes: 2, originBytes: 6 };
  expect((await next()).fleet).toMatchObject({ agents: { known: 2, online: 1 }, traffic });
  await kit.client.forgetHost(b.peerId);
  const half = { sentBytes: 1, receivedBytes: 2, remoteBytes: 1, originBytes: 3 };
  expect((await next()).fleet).toMatchObject({ agents: { known: 1, online: 1 }, traffic: half });
});

describe('the log of events', () => {
  it('names hosts one by one, and of a crowd within a second only how many', () => {
    const clock = createManualClock();
    const log = createEventLog(clock);
    for (let index = 0; index < 5000; index++) log.host('hostCame', { peerId: `${index}`, name: `h${index}` });
    log.host('hostLeft', { peerId: '7', name: 'h7' });
    expect(log.since(0)).toHaveLength(11);
    expect(log.since(0).at(-1)).toMatchObject({ kind: 'manyHosts', came: 4990, left: 1 });
    clock.advance(1000);
    log.host('hostCame', { peerId: '7', name: 'h7' });
    expect(log.since(0).at(-1)).toMatchObject({ kind: 'hostCame', id: '7', name: 'h7' });
  });

  it('tells a number that grew again to who has read it', () => {
    const log = createEventLog(createManualClock());
    for (let index = 0; index < 12; index++) log.host('hostCame', { peerId: `${index}`, name: `h${index}` });
    const read = log.since(0).at(-1)?.number ?? 0;
    log.host('hostCame', { peerId: 'x', name: 'x' });
    expect(log.since(read)).toMatchObject([{ kind: 'manyHosts', came: 3 }]);
  });
});

describe("the fleet's stream", () => {
  it('tells all there is, then each second what changed', async () => {
    const clock = createManualClock();
    const kit = await startTracker({ clock });
    kit.source.tag('team/app:1', imageIn(kit.source));
    const agent = await kit.agent('a');
    const next = await streamOf(kit);
    expect(await next()).toMatchObject({
      ...{ whole: true, jobs: [], fleet: { agents: { online: 1 } } },
      log: [{ kind: 'hostCame', name: 'a' }],
    });
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    await kit.agent('b');
    clock.advance(1000);
    expect(await next()).toMatchObject({
      ...{ whole: false, jobs: [{ id, state: 'running' }], fleet: { agents: { online: 2 } } },
      log: [
        { kind: 'job', id, name: IMAGE, state: 'running' },
        { kind: 'hostCame', name: 'b' },
      ],
    });
    agent.send({ type: 'report', jobId: id, images: [reportOf(IMAGE, { state: 'ready', haveBytes: 1_000_000 })] });
    await agent.next('jobClosed');
    clock.advance(1000);
    expect(await next()).toMatchObject({ jobs: [{ id, state: 'done' }], log: [{ kind: 'job', id, state: 'done' }] });
    clock.advance(1000);
    expect(await next()).toMatchObject({ jobs: [], log: [] });
  });

  function deskOf() {
    const clock = createManualClock();
    let looks = 0;
    const roster = {
      all: () => [host('a')],
      changes: () => 1,
      traffic: () => {
        looks++;
        return host('a').traffic;
      },
    } as never;
    const jobs = () => ({ list: () => [], summary: () => ({}) as never });
    const desk = createFleetDesk({ roster, jobs, zoneOf: zonesBy('zone'), clock });
    return { desk, clock, looks: () => looks };
  }

  it('costs one look a second for all who watch, and none when nobody does', () => {
    const { desk, clock, looks } = deskOf();
    const watcher = () => ({ isBehind: () => false, changed: () => {} });
    const ends = [desk.watch(watcher()), desk.watch(watcher())];
    const before = looks();
    clock.advance(10_000);
    expect(looks() - before).toBe(10);
    for (const end of ends) end();
    clock.advance(10_000);
    expect(looks() - before).toBe(10);
  });

  it('waits for a reader that does not keep up, and then tells it everything', () => {
    const { desk, clock } = deskOf();
    let behind = false;
    const told: boolean[] = [];
    desk.watch({ isBehind: () => behind, changed: ({ whole }) => told.push(whole) });
    behind = true;
    clock.advance(5000);
    expect(told).toEqual([true]);
    behind = false;
    clock.advance(2000);
    expect(told).toEqual([true, true, false]);
  });
});
