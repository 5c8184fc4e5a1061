import { createShareTable, type SharedCap } from '@shoal/policy';
import type { AgentMessageOf } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { ASK_MS, createShareClient, IDLE_ASK_MS } from './share-client.ts';

const CAP: SharedCap = { per: 'zone', key: 'ingress', bytesPerSecond: 1000, rule: 'uplink', classes: ['pull'] };
const LEASE_MS = 3000;

/** Clients beside one share table, on a clock that a test moves. */
function createWorld() {
  let nowMs = 0;
  let timers: { atMs: number; run: () => void }[] = [];
  const table = createShareTable({ leaseMs: LEASE_MS, toleranceMs: 1000, offlinePart: 0.1 });
  const world = { isUp: true, noZone: false, now: () => nowMs, advance, client };
  function advance(ms: number): void {
    const untilMs = nowMs + ms;
    for (;;) {
      const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      timers = timers.filter((timer) => timer !== next);
      nowMs = next.atMs;
      next.run();
    }
    nowMs = untilMs;
  }
  function client(member: string) {
    const said: AgentMessageOf<'shares'>[] = [];
    const changes: number[] = [];
    const shares = createShareClient({
      ...{ run: member, now: () => nowMs, onChange: () => void changes.push(nowMs) },
      send(message) {
        said.push(message);
        if (!world.isUp) return;
        const answers = message.asks.map(({ rule, per, key, ...ask }) => {
          return { rule, per, key, ...table.ask({ member, ...ask }, nowMs) };
        });
        shares.answered(world.noZone ? { type: 'shares', answers: [], noZone: true } : { type: 'shares', answers });
      },
      after(delayMs, run) {
        const timer = { atMs: nowMs + delayMs, run };
        timers.push(timer);
        return () => {
          timers = timers.filter((one) => one !== timer);
        };
      },
    });
    shares.setCaps([CAP]);
    /** Uses all it may for so many intervals. */
    const useAll = (intervals: number) => {
      for (let i = 0; i < intervals; i++) {
        shares.wants(CAP);
        shares.noteUse(CAP, (CAP.bytesPerSecond * (shares.shareOf(CAP, nowMs) ?? 0) * ASK_MS) / 1000);
        advance(ASK_MS);
      }
    };
    return { shares, said, changes, useAll, part: () => shares.shareOf(CAP, nowMs) };
  }
  return world;
}

describe('the shares of a host', () => {
  it('grow to the whole cap while it uses what it has', () => {
    const { client } = createWorld();
    const a = client('a');
    a.useAll(8);
    expect(a.part()).toBeCloseTo(1);
  });

  it('are asked for at once when it begins to want something, and seldom while it wants nothing', () => {
    const world = createWorld();
    const a = world.client('a');
    world.advance(10 * IDLE_ASK_MS);
    const idle = a.said.length;
    expect(idle).toBeLessThan(16);
    a.shares.wants(CAP);
    a.shares.wants(CAP);
    world.advance(0);
    expect(a.said.length).toBe(idle + 1);
    expect(a.part()).toBeGreaterThan(0.2);
  });

  it('are given back when it idles, and another host has them soon', () => {
    const world = createWorld();
    const [a, b] = [world.client('a'), world.client('b')];
    a.useAll(8);
    b.useAll(8);
    expect(a.part()).toBeCloseTo(0.05);
    expect(b.part()).toBeCloseTo(0.95);
  });

  it('fall to the offline part when the tracker is out of reach, and come back with it', () => {
    const world = createWorld();
    const a = world.client('a');
    a.useAll(8);
    world.isUp = false;
    a.useAll(1);
    expect(a.part()).toBeCloseTo(1);
    world.advance(LEASE_MS);
    expect(a.part()).toBeCloseTo(0.1);
    world.isUp = true;
    a.useAll(8);
    expect(a.part()).toBeCloseTo(1);
  });

  it('outlive a time in which the cap does not hold', () => {
    const world = createWorld();
    const a = world.client('a');
    a.shares.setCaps([]);
    world.advance(IDLE_ASK_MS);
    a.shares.setCaps([{ ...CAP, bytesPerSecond: 5 }]);
    expect(a.part()).toBeCloseTo(0.1);
    a.useAll(3);
    expect(a.said.at(-1)?.asks[0]?.number).toBe(a.said.length);
  });

  it('of a cap per zone are undefined when the host stands in no zone', () => {
    const world = createWorld();
    world.noZone = true;
    const a = world.client('a');
    expect([a.part(), a.changes.length]).toEqual([undefined, 1]);
  });
});
