import { describe, expect, it } from 'vitest';
import { DIGEST } from './push-bodies.testkit.ts';
import { matchesRule, nextTimeOfDay, orderOf, stillToCome } from './push-rules.ts';

const event = { address: 'h', repository: 'win/servercore', tag: 'ltsc2022', digest: DIGEST };
const { tag: _, ...byDigest } = event;
/** In the time zone of this machine. */
const clock = (day: number, hours: number, minutes = 0) => new Date(2026, 10, day, hours, minutes).getTime();
const iso = (ms: number) => new Date(ms).toISOString();

describe('a rule', () => {
  it.each([
    ['win/*:ltsc*', true],
    ['win/*', true],
    ['*', true],
    ['harbor.test:8443/win/*:ltsc*', true],
    ['*/win/servercore:ltsc2022', true],
    ['win/*:1', false],
    ['win:ltsc*', false],
    ['linux/*', false],
    ['*@sha256:*', false],
  ])('%s is for win/servercore:ltsc2022: %j', (match, isFor) => {
    expect(matchesRule({ match, prewarm: {} }, 'harbor.test:8443', event)).toBe(isFor);
  });

  it('is for pushes by digest only when it says so', () => {
    const isFor = (match: string) => matchesRule({ match, prewarm: {} }, 'harbor.test', byDigest);
    expect(['win/*', '*', 'win/*:*', 'win/*@*', 'win/*@sha256:d*'].map(isFor)).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});

describe('the times of a rule', () => {
  it('are the next such times of this clock, the deadline after the beginning', () => {
    const order = orderOf({ at: '22:00', by: '06:00', hosts: ['web-*'], percent: 10 }, clock(20, 15));
    expect(order).toEqual({ at: iso(clock(20, 22)), by: iso(clock(21, 6)), hosts: ['web-*'], percent: 10 });
    expect(orderOf({ at: '22:00' }, clock(20, 23)).at).toBe(iso(clock(21, 22)));
    expect(orderOf({ by: '22:00' }, clock(20, 21, 59)).by).toBe(iso(clock(20, 22)));
  });

  it('are tomorrow when it is that time now', () => {
    expect(nextTimeOfDay('22:00', clock(20, 22))).toBe(clock(21, 22));
    expect(nextTimeOfDay('00:00', clock(30, 12))).toBe(clock(31, 0));
  });

  it('count a stay from the beginning', () => {
    const late = orderOf({ at: '22:00', keepForMs: 3_600_000 }, clock(20, 15));
    expect(late.keepUntil).toBe(iso(clock(20, 23)));
    expect(orderOf({ keepForMs: 3_600_000 }, clock(20, 15))).toEqual({ keepUntil: iso(clock(20, 16)) });
  });

  it('that have passed while the registry was away mean now, and no deadline', () => {
    const order = orderOf({ at: '22:00', by: '06:00', priority: 5 }, clock(20, 15));
    expect(stillToCome(order, clock(20, 16))).toEqual(order);
    expect(stillToCome(order, clock(20, 23))).toEqual({ by: order.by, priority: 5 });
    expect(stillToCome(order, clock(21, 7))).toEqual({ priority: 5 });
  });
});
