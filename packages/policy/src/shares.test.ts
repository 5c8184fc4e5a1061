import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createShareHolder, type ShareHolder } from './share-holder.ts';
import { createShareTable, type ShareAnswer, type ShareTable } from './shares.ts';
import { waterLevel } from './water-level.ts';

const LEASE_MS = 2000;
const TOLERANCE_MS = 100;
const OPTIONS = { leaseMs: LEASE_MS, toleranceMs: TOLERANCE_MS, offlinePart: 0.1 };

/** Everybody asks every half second for so long; demands by name. */
function settle(
  table: ShareTable,
  holders: Map<string, ShareHolder>,
  { from, demands }: { from: number; demands: Record<string, number> },
): number {
  let now = from;
  for (; now < from + 3 * LEASE_MS; now += 500)
    for (const [name, demand] of Object.entries(demands)) {
      const holder = holders.get(name) ?? createShareHolder(name);
      holders.set(name, holder);
      holder.answer(table.ask(holder.ask(demand, now), now));
    }
  return now;
}

/** In hundredths, since parts are fractions. */
function partsOf(holders: Map<string, ShareHolder>, now: number): Record<string, number> {
  return Object.fromEntries([...holders].map(([name, holder]) => [name, Math.round(holder.part(now) * 100)]));
}

describe('a shared cap', () => {
  it('goes to who wants it, fairly, with an offline part for everybody', () => {
    const table = createShareTable(OPTIONS);
    const holders = new Map<string, ShareHolder>();
    const now = settle(table, holders, { from: 0, demands: { a: 1, b: 1, c: 0.105, d: 0 } });
    expect(partsOf(holders, now)).toEqual({ a: 42, b: 42, c: 13, d: 3 });
    const later = settle(table, holders, { from: now, demands: { a: 1, b: 0, c: 0, d: 0 } });
    expect(partsOf(holders, later)).toEqual({ a: 93, b: 3, c: 3, d: 3 });
  });

  it('keeps the offline part of a member that is out of reach, and gives its lease away only when it has ended', () => {
    const table = createShareTable(OPTIONS);
    const holders = new Map<string, ShareHolder>();
    const now = settle(table, holders, { from: 0, demands: { a: 1, b: 0 } });
    const [b] = [holders.get('b') as ShareHolder];
    const ask = (at: number) => b.answer(table.ask(b.ask(1, at), at));
    const lastAskMs = now - 500;
    ask(lastAskMs + LEASE_MS + TOLERANCE_MS - 1);
    expect(b.part(lastAskMs + LEASE_MS + TOLERANCE_MS - 1)).toBeCloseTo(0.05);
    ask(lastAskMs + LEASE_MS + TOLERANCE_MS + 300);
    expect(b.part(lastAskMs + LEASE_MS + TOLERANCE_MS + 300)).toBeCloseTo(0.95);
    expect(holders.get('a')?.part(lastAskMs + 10 * LEASE_MS)).toBeCloseTo(0.05);
  });

  it('is free at once when a member says goodbye', () => {
    const table = createShareTable(OPTIONS);
    const holders = new Map<string, ShareHolder>();
    const now = settle(table, holders, { from: 0, demands: { a: 1 } });
    table.leave('a');
    const b = createShareHolder('b');
    b.answer(table.ask(b.ask(1, now), now));
    expect(b.part(now)).toBeCloseTo(1);
  });

  it('keeps the offline parts that a table before it gave, also when that one was asked by nobody', () => {
    const first = createShareTable(OPTIONS);
    const a = createShareHolder('a');
    a.answer(first.ask(a.ask(0, 0), 0));
    const second = createShareTable({ ...OPTIONS, follows: { startedMs: 0, offline: first.offline() } });
    const third = createShareTable({ ...OPTIONS, follows: { startedMs: 0, offline: second.offline() } });
    const b = createShareHolder('b');
    b.answer(third.ask(b.ask(0, 0), 0));
    expect([a.part(0), b.part(0)]).toEqual([0.1, 0]);
  });

  it('is the same for the same asks', () => {
    const run = () => {
      const holders = new Map<string, ShareHolder>();
      settle(createShareTable(OPTIONS), holders, { from: 0, demands: { c: 0.5, a: 0.7, b: 0.3 } });
      return partsOf(holders, 6000);
    };
    expect(run()).toEqual(run());
  });
});

describe('max-min fairness', () => {
  it('gives nobody more than demanded, and all of it when demands are more', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), part, (demands, there) => {
        const level = waterLevel(demands, there);
        const sum = demands.reduce((all, demand) => all + Math.min(demand, level), 0);
        const wanted = demands.reduce((all, demand) => all + demand, 0);
        expect(sum).toBeCloseTo(Math.min(wanted, there), 9);
      }),
    );
  });
});

/** What may happen to a member, an answer under way or the tracker. `slow` is how fast a member's clock runs. */
type Event =
  | { kind: 'ask'; member: number; demand: number; delayMs: number | undefined }
  | { kind: 'wait'; ms: number }
  | { kind: 'leave'; member: number }
  | { kind: 'restart' };

const MEMBERS = 5;
const index = fc.nat(MEMBERS - 1);
const asks = fc.record({
  kind: fc.constant('ask' as const),
  member: index,
  demand: fc.constantFrom(0, 0.05, 0.3, 1, 7, Number.NaN),
  // Undefined: the answer is lost.
  delayMs: fc.option(fc.constantFrom(0, 0, 50, 900, 3000), { nil: undefined }),
});
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: asks },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1500 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), member: index }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  ),
  { maxLength: 120, size: 'max' },
);

/** Clocks of members run up to so much slower than the tracker's. */
const SLOWEST = 1 - TOLERANCE_MS / (2 * LEASE_MS);

function createFleet(slownesses: readonly number[]) {
  let now = 0;
  let table = createShareTable(OPTIONS);
  const holders = Array.from({ length: MEMBERS }, (_, i) => createShareHolder(String(i)));
  let underWay: { atMs: number; holder: ShareHolder; answer: ShareAnswer }[] = [];
  const clock = (member: number) => now * (slownesses[member] ?? 1);
  const steps = {
    ask({ member, demand, delayMs }: Event & { kind: 'ask' }) {
      const holder = holders[member] as ShareHolder;
      const answer = table.ask(holder.ask(demand, clock(member)), now);
      if (delayMs !== undefined) underWay.push({ atMs: now + delayMs, holder, answer });
    },
    wait({ ms }: Event & { kind: 'wait' }) {
      now += ms;
    },
    /** It may come back as a new process, which knows nothing. */
    leave({ member }: Event & { kind: 'leave' }) {
      holders[member] = createShareHolder(String(member));
      table.leave(String(member));
    },
    restart() {
      table = createShareTable({ ...OPTIONS, follows: { startedMs: now, offline: table.offline() } });
    },
  };
  const used = (): number => {
    const due = underWay.filter(({ atMs }) => atMs <= now);
    underWay = underWay.filter(({ atMs }) => atMs > now);
    for (const { holder, answer } of due) holder.answer(answer);
    return holders.reduce((sum, holder, member) => sum + holder.part(clock(member)), 0);
  };
  return { step: (event: Event) => (steps[event.kind] as (one: Event) => void)(event), used };
}

it('all leases and offline parts together never exceed the cap: members that join, leave, lose answers, lag, and a tracker that restarts', () => {
  const slowness = fc.double({ min: SLOWEST, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(slowness, { minLength: MEMBERS, maxLength: MEMBERS }), events, (slownesses, all) => {
      const fleet = createFleet(slownesses);
      for (const event of all) {
        fleet.step(event);
        expect(fleet.used()).toBeLessThanOrEqual(1 + 1e-9);
      }
    }),
    { numRuns: 1000 },
  );
});
