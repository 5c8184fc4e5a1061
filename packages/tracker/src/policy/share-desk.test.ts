import { createShareHolder, type ShareHolder } from '@shoal/policy';
import { describe, expect, it } from 'vitest';
import type { TrackerMessageOf } from '../client/index.ts';
import { createManualClock } from '../clock.testkit.ts';
import { blockWrites, newKey, startTracker, type TestAgent, type TestTracker } from '../tracker.testkit.ts';
import { LEASE_MS, OFFLINE_PART, SAVE_MS, TOLERANCE_MS } from './share-desk.ts';

const UPLINK = '  - { name: uplink, limit: { per: zone, ingress: 100 MB/s } }\n';
const HARBOR = '  - { name: harbor, limit: { per: origin, egress: 50 MB/s } }\n';
const HEAD = 'version: 1\nrules:\n';
const CAPS = [
  { rule: 'uplink', per: 'zone', key: 'ingress' },
  { rule: 'harbor', per: 'origin', key: 'egress' },
] as const;

/** A host as the desk sees it: a process with what it holds, connected or not. */
interface Host {
  name: string;
  zone: string;
  key: ReturnType<typeof newKey>;
  run: string;
  holders: ShareHolder[];
  /** Undefined without a session. */
  agent: TestAgent | undefined;
  isRunning: boolean;
}

let runs = 0;

function hostNamed(name: string, zone = 'a'): Host {
  return { ...{ name, zone, key: newKey(), agent: undefined, isRunning: true }, ...newProcess() };
}

function newProcess(): Pick<Host, 'run' | 'holders'> {
  return { run: `run-${++runs}`, holders: CAPS.map(() => createShareHolder('')) };
}

async function connect(kit: TestTracker, host: Host): Promise<void> {
  host.agent = await kit.agent(host.name, { privateKey: host.key, labels: { zone: host.zone } });
}

/** Returns the answer, which the host has not taken yet. */
async function ask({ agent, holders, run }: Host, demand: number, nowMs: number) {
  const asks = holders.map((holder, at) => {
    const { member: _, ...one } = holder.ask(demand, nowMs);
    return { ...(CAPS[at] as (typeof CAPS)[number]), ...one };
  });
  agent?.send({ type: 'shares', run, asks });
  return (await agent?.next('shares')) as TrackerMessageOf<'shares'>;
}

function take({ holders }: Host, { answers }: TrackerMessageOf<'shares'>): void {
  for (const { rule, per, key, ...answer } of answers)
    holders[CAPS.findIndex((cap) => cap.rule === rule && cap.per === per && cap.key === key)]?.answer(answer);
}

/** For several rounds of half a second everybody who is connected asks. */
async function settle(hosts: Host[], clock: ReturnType<typeof createManualClock>, demand: (host: Host) => number) {
  for (let round = 0; round < 20; round++) {
    for (const host of hosts) if (host.agent) take(host, await ask(host, demand(host), clock.now()));
    clock.advance(500);
  }
}

const partOf = (host: Host, nowMs: number, cap = 0): number => host.holders[cap]?.part(nowMs) ?? 0;

async function startFleet(names: readonly string[], text = HEAD + UPLINK + HARBOR) {
  const clock = createManualClock();
  const kit = await startTracker({ clock });
  await kit.client.applyPolicy(text);
  const hosts = names.map((name) => hostNamed(name));
  for (const host of hosts) await connect(kit, host);
  return { clock, kit, hosts };
}

describe('a cap that hosts share', () => {
  it('goes to who wants it, and the offline part is everybody’s', async () => {
    const { clock, hosts } = await startFleet(['a', 'b']);
    const [a, b] = hosts as [Host, Host];
    await settle(hosts, clock, (host) => (host === a ? 1 : 0));
    expect(partOf(a, clock.now())).toBeCloseTo(0.95);
    expect(partOf(b, clock.now())).toBeCloseTo(0.05);
  });

  it('per zone is split in each zone for itself, and holds for no host without a zone', async () => {
    const { clock, kit, hosts } = await startFleet(['a']);
    const [elsewhere, nowhere] = [hostNamed('b', 'b'), hostNamed('c', '')];
    for (const host of [elsewhere, nowhere]) await connect(kit, host);
    await settle([...hosts, elsewhere, nowhere], clock, () => 1);
    for (const host of [...hosts, elsewhere]) expect(partOf(host, clock.now())).toBeCloseTo(1);
    const answer = await ask(nowhere, 1, clock.now());
    expect(answer).toMatchObject({ noZone: true, answers: [{ rule: 'harbor' }] });
    expect(partOf(nowhere, clock.now(), 1)).toBeCloseTo(1 / 3);
  });

  it('that the policy in force has not is not answered for', async () => {
    const { clock, kit, hosts } = await startFleet(['a'], HEAD + HARBOR);
    const [a] = hosts as [Host];
    expect((await ask(a, 1, clock.now())).answers.map(({ rule }) => rule)).toEqual(['harbor']);
    await kit.client.applyPolicy(HEAD + UPLINK);
    expect((await ask(a, 1, clock.now())).answers.map(({ rule }) => rule)).toEqual(['uplink']);
  });

  it('keeps its split under a new policy that has it too, with another rate', async () => {
    const { clock, kit, hosts } = await startFleet(['a', 'b']);
    await settle(hosts, clock, () => 1);
    await kit.client.applyPolicy(HEAD + UPLINK.replace('100', '20'));
    const [a] = hosts as [Host];
    take(a, await ask(a, 1, clock.now()));
    expect(partOf(a, clock.now())).toBeCloseTo(0.5);
  });

  it('keeps the offline part of a host that is out of reach until it is forgotten', async () => {
    const { clock, kit, hosts } = await startFleet(['a', 'b']);
    const [a, b] = hosts as [Host, Host];
    await settle(hosts, clock, () => 1);
    const { peerId } = a.agent as TestAgent;
    await a.agent?.close();
    a.agent = undefined;
    await expect.poll(async () => (await kit.client.hosts()).find((host) => host.name === 'a')?.online).toBe(false);
    await settle(hosts, clock, () => 1);
    expect(partOf(a, clock.now())).toBeCloseTo(0.05);
    expect(partOf(b, clock.now())).toBeCloseTo(0.95);
    await kit.client.forgetHost(peerId);
    await settle(hosts, clock, () => 1);
    expect(partOf(b, clock.now())).toBeCloseTo(1);
  });

  it('takes back all that a process had when another one speaks for the same host', async () => {
    const { clock, hosts } = await startFleet(['a', 'b']);
    const [a, b] = hosts as [Host, Host];
    await settle(hosts, clock, (host) => (host === a ? 1 : 0));
    Object.assign(a, newProcess());
    take(a, await ask(a, 0, clock.now()));
    take(b, await ask(b, 1, clock.now()));
    expect(partOf(b, clock.now())).toBeGreaterThan(0.9);
  });

  it('grants no lease after a restart of the tracker while one from before may last', async () => {
    const { clock, kit, hosts } = await startFleet(['a', 'b']);
    const [a, b] = hosts as [Host, Host];
    await settle(hosts, clock, (host) => (host === a ? 1 : 0));
    take(a, await ask(a, 1, clock.now()));
    await kit.restart();
    for (const host of hosts) await host.agent?.next('welcome');
    take(b, await ask(b, 1, clock.now()));
    expect(partOf(b, clock.now())).toBeCloseTo(OFFLINE_PART / 2);
    clock.advance(LEASE_MS + TOLERANCE_MS);
    take(b, await ask(b, 1, clock.now()));
    expect(partOf(b, clock.now())).toBeCloseTo(1 - OFFLINE_PART / 2);
  });

  it('that goes and comes again leaves to everybody what may still be used of it', async () => {
    const { clock, kit, hosts } = await startFleet(['a', 'b']);
    const [a, b] = hosts as [Host, Host];
    await settle(hosts, clock, (host) => (host === a ? 1 : 0));
    take(a, await ask(a, 1, clock.now()));
    await kit.client.applyPolicy(HEAD + HARBOR);
    await kit.client.applyPolicy(HEAD + UPLINK);
    Object.assign(b, newProcess());
    take(b, await ask(b, 1, clock.now()));
    expect(partOf(a, clock.now()) + partOf(b, clock.now())).toBeLessThanOrEqual(1 + 1e-9);
    clock.advance(LEASE_MS + TOLERANCE_MS);
    take(b, await ask(b, 1, clock.now()));
    expect(partOf(a, clock.now())).toBeCloseTo(0.05);
    expect(partOf(b, clock.now())).toBeCloseTo(0.95);
  });

  it('gives no offline part that could not be written', async () => {
    const { clock, kit, hosts } = await startFleet(['a']);
    const [a] = hosts as [Host];
    const free = blockWrites(kit);
    await settle(hosts, clock, () => 0);
    expect(partOf(a, clock.now())).toBe(0);
    free();
    clock.advance(SAVE_MS);
    await settle(hosts, clock, () => 0);
    expect(partOf(a, clock.now())).toBeCloseTo(OFFLINE_PART);
  });
});

/** Mulberry32: in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const STEPS = 600;

it.each([1, 2, 3])(
  'six hosts that join, leave, restart and lose answers, policies that come and go, a tracker that restarts: at no moment all parts together are above the cap (%i)',
  async (seed) => {
    const random = randomFrom(seed);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const { clock, kit, hosts } = await startFleet(['a', 'b', 'c', 'd']);
    for (const name of ['e', 'f']) {
      const host = hostNamed(name, 'b');
      await connect(kit, host);
      hosts.push(host);
    }
    let underWay: { host: Host; run: string; atMs: number; answer: TrackerMessageOf<'shares'> }[] = [];
    let most = 0;

    const check = (what: string) => {
      for (const [at, zones] of [['a', 'b'], ['']].entries())
        for (const zone of zones) {
          const members = hosts.filter((host) => host.isRunning && (zone === '' || host.zone === zone));
          const sum = members.reduce((all, host) => all + partOf(host, clock.now(), at), 0);
          most = Math.max(most, sum);
          expect(sum, `${CAPS[at]?.rule} ${zone} after ${what}`).toBeLessThanOrEqual(1 + 1e-9);
        }
    };
    const disconnect = async (host: Host) => {
      await host.agent?.close();
      host.agent = undefined;
    };
    const steps: Record<string, (host: Host) => Promise<void>> = {
      async ask(host) {
        if (!host.isRunning || !host.agent) return;
        const answer = await ask(host, pick([0, 0.05, 0.3, 1, 1]), clock.now());
        const delayMs = pick([0, 0, 0, 50, 900, Number.POSITIVE_INFINITY]);
        underWay.push({ host, run: host.run, atMs: clock.now() + delayMs, answer });
      },
      async wait() {
        clock.advance(Math.floor(random() * 700));
      },
      async losesTracker(host) {
        await disconnect(host);
      },
      async findsTracker(host) {
        if (host.isRunning && !host.agent) await connect(kit, host);
      },
      async stops(host) {
        await disconnect(host);
        host.isRunning = false;
      },
      async starts(host) {
        if (host.isRunning) return;
        Object.assign(host, newProcess(), { isRunning: true });
        await connect(kit, host);
      },
      async trackerRestarts() {
        await kit.restart();
        for (const host of hosts) await host.agent?.next('welcome');
      },
      async policyChanges() {
        await kit.client.applyPolicy(HEAD + pick([UPLINK, HARBOR, UPLINK + HARBOR]));
      },
    };
    const weights = { ask: 40, wait: 14, losesTracker: 1, findsTracker: 3, stops: 1, starts: 3 };
    const rare = ['trackerRestarts', 'policyChanges'];
    const bag = [...Object.entries(weights).flatMap(([name, count]) => Array<string>(count).fill(name)), ...rare];
    for (let step = 0; step < STEPS; step++) {
      const name = pick(bag);
      await steps[name]?.(pick(hosts));
      const due = underWay.filter(({ atMs }) => atMs <= clock.now());
      underWay = underWay.filter(({ atMs }) => atMs > clock.now());
      for (const { host, run, answer } of due) if (host.run === run) take(host, answer);
      check(`step ${step}, ${name}`);
    }
    expect(most).toBeGreaterThan(0.9);
  },
);
