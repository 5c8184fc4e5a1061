import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dateOf, dayNumber, formatWallTime, momentOf, offsetAt, parseWallTime } from './local-time.ts';
import { policyWith, utc } from './policy.testkit.ts';
import { nextChange, rulesAt } from './schedule.ts';

const LIMIT = 'limit: { per: host, upload: 0 }';
const HOUR_MS = 3_600_000;

function policyWhen(timezone: string, ...windows: string[]) {
  return policyWith(
    windows.map((when) => `when: ${when}, ${LIMIT}`),
    timezone,
  );
}

/** Hours since `from` (UTC) in whose first minute the window holds. */
function hoursIn(when: string, from: string, options: { timezone: string; hours: number }): number[] {
  const policy = policyWhen(options.timezone, when);
  return Array.from({ length: options.hours }, (_, hour) => hour).filter(
    (hour) => rulesAt(policy, utc(from) + hour * HOUR_MS).length > 0,
  );
}

describe('a window', () => {
  it.each([
    // 2026-11-30 is a Monday; Shanghai is 8 hours ahead.
    ['mon-fri 08:00-22:00', '2026-11-30 00:00', true],
    ['mon-fri 08:00-22:00', '2026-11-29 23:59', false],
    ['mon-fri 08:00-22:00', '2026-11-30 13:59', true],
    ['mon-fri 08:00-22:00', '2026-11-30 14:00', false],
    ['mon-fri 08:00-22:00', '2026-12-05 02:00', false],
    ['sat,sun', '2026-12-05 02:00', true],
    ['sat,sun', '2026-12-06 16:00', false],
    ['fri-mon', '2026-12-06 16:00', true],
    ['sun 20:00-24:00', '2026-12-06 15:59', true],
    ['sun 20:00-24:00', '2026-12-06 16:00', false],
    ['08:00-12:00', '2026-12-06 02:00', true],
    ['Mon - Fri 8:00 - 22:00', '2026-11-30 00:00', true],
    ['daily 22:00-06:00', '2026-11-30 21:59', true],
    ['daily 22:00-06:00', '2026-11-30 22:00', false],
    ['2026-11-30 00:00 to 2026-12-01 06:00', '2026-11-29 16:00', true],
    ['2026-11-30 00:00 to 2026-12-01 06:00', '2026-11-30 22:00', false],
    ['2026-11-30 00:00 to 2026-12-01 24:00', '2026-12-01 15:59', true],
    ['[mon 08:00-09:00, tue 08:00-09:00]', '2026-12-01 00:30', true],
  ])('%s at %s UTC in Shanghai: %s', (when, at, expected) => {
    expect(rulesAt(policyWhen('Asia/Shanghai', when.startsWith('[') ? when : `"${when}"`), utc(at))).toHaveLength(
      expected ? 1 : 0,
    );
  });

  it('over midnight belongs to the day it starts', () => {
    const policy = policyWhen('UTC', 'mon-fri 22:00-06:00');
    const at = (text: string) => rulesAt(policy, utc(text)).length;
    expect([at('2026-11-30 05:00'), at('2026-11-30 22:00'), at('2026-12-01 05:59')]).toEqual([0, 1, 1]);
    expect([at('2026-12-04 23:00'), at('2026-12-05 05:59'), at('2026-12-05 22:00')]).toEqual([1, 1, 0]);
  });

  it('is left out where the clock jumps over it and holds twice where the clock repeats it', () => {
    const berlin = { timezone: 'Europe/Berlin', hours: 6 };
    // 02:00 becomes 03:00 at 01:00 UTC.
    expect(hoursIn('daily 02:00-03:00', '2026-03-28 23:00', berlin)).toEqual([]);
    expect(hoursIn('daily 02:00-04:00', '2026-03-28 23:00', berlin)).toEqual([2]);
    expect(hoursIn('daily 23:00-03:00', '2026-03-28 21:00', berlin)).toEqual([1, 2, 3]);
    // 03:00 becomes 02:00 at 01:00 UTC.
    expect(hoursIn('daily 02:00-03:00', '2026-10-24 23:00', berlin)).toEqual([1, 2]);
    expect(hoursIn('daily 22:00-02:00', '2026-10-24 19:00', berlin)).toEqual([1, 2, 3, 4]);
    expect(hoursIn('2026-10-25 00:00 to 2026-10-25 03:00', '2026-10-24 21:00', berlin)).toEqual([1, 2, 3, 4]);
  });
});

describe('the next change', () => {
  it.each([
    ['UTC', 'mon-fri 08:00-22:00', '2026-11-30 07:00', '2026-11-30 08:00'],
    ['UTC', 'mon-fri 08:00-22:00', '2026-11-30 08:00', '2026-11-30 22:00'],
    ['UTC', 'mon-fri 08:00-22:00', '2026-12-04 22:00', '2026-12-07 08:00'],
    ['Asia/Shanghai', '2028-11-10 00:00 to 2028-11-12 06:00', '2026-11-30 07:00', '2028-11-09 16:00'],
    ['Europe/Berlin', 'daily 02:00-04:00', '2026-03-28 23:30', '2026-03-29 01:00'],
    ['Europe/Berlin', 'daily 02:00-03:00', '2026-03-28 02:30', '2026-03-30 00:00'],
    ['Europe/Berlin', 'daily 02:30-03:00', '2026-10-25 00:30', '2026-10-25 01:00'],
    ['Europe/Berlin', 'daily 02:30-03:00', '2026-10-25 01:00', '2026-10-25 01:30'],
    ['America/New_York', 'sun 02:00-03:00', '2026-03-02 00:00', '2026-03-15 06:00'],
    ['Pacific/Apia', '2011-12-30 08:00 to 2011-12-30 12:00', '2011-12-29 00:00', undefined],
  ])('in %s of %s after %s UTC is %s', (timezone, when, at, expected) => {
    const next = nextChange(policyWhen(timezone, when), utc(at));
    expect(next === undefined ? next : formatWallTime(next)).toBe(expected);
  });

  it('is none when nothing changes any more', () => {
    const over = policyWhen('UTC', '2026-11-10 00:00 to 2026-11-12 06:00', 'daily 00:00-24:00');
    expect(nextChange(over, utc('2026-11-12 06:00'))).toBeUndefined();
    expect(nextChange(policyWith([LIMIT]), 0)).toBeUndefined();
  });

  it('is not where one window of a rule follows another', () => {
    const policy = policyWith([`when: [mon 08:00-12:00, mon 12:00-14:00], ${LIMIT}`]);
    expect(nextChange(policy, utc('2026-11-30 09:00'))).toBe(utc('2026-11-30 14:00'));
  });

  const zones = ['UTC', 'Asia/Shanghai', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'];
  const clock = fc.integer({ min: 0, max: 95 }).map((quarter) => formatWallTime(quarter * 900_000).slice(-5));
  const days = fc.constantFrom('daily', 'mon', 'fri-mon', 'sat,sun', 'tue-thu');

  it('comes first: until then the same rules hold, at it others do', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.array(fc.tuple(days, clock, clock), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: utc('2026-03-01 00:00'), max: utc('2026-11-30 00:00') }),
        (timezone, windows, atMs) => {
          const texts = windows.filter(([, start, end]) => start !== end).map(([d, s, e]) => `"${d} ${s}-${e}"`);
          fc.pre(texts.length > 0);
          const policy = policyWhen(timezone, ...texts);
          const names = (ms: number) => rulesAt(policy, ms).map(({ name }) => name);
          const next = nextChange(policy, atMs) ?? atMs;
          expect(next).toBeGreaterThan(atMs);
          expect(names(next)).not.toEqual(names(next - 1));
          for (let ms = atMs; ms < next; ms += 7 * 60_000) expect(names(ms)).toEqual(names(atMs));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('local time', () => {
  it('knows the calendar', () => {
    fc.assert(
      fc.property(fc.integer({ min: -800_000, max: 3_000_000 }), (day) => {
        const date = dateOf(day);
        expect(dayNumber(date)).toBe(day);
        const expected = new Date(day * 86_400_000);
        expect(date).toEqual({
          year: expected.getUTCFullYear(),
          month: expected.getUTCMonth() + 1,
          day: expected.getUTCDate(),
        });
      }),
    );
    expect(parseWallTime('2027-02-29')).toBeUndefined();
    expect(parseWallTime('2028-02-29 12:30')).toBe(utc('2028-02-29 12:30'));
  });

  it('finds the moment at which a clock shows a time, and the next one where it never does', () => {
    const moment = (zone: string, text: string) => formatWallTime(momentOf(zone, parseWallTime(text) ?? 0));
    expect(moment('Asia/Shanghai', '2026-11-30 09:00')).toBe('2026-11-30 01:00');
    expect(moment('Europe/Berlin', '2026-10-25 02:30')).toBe('2026-10-25 00:30');
    expect(moment('Europe/Berlin', '2026-03-29 02:30')).toBe('2026-03-29 01:00');
    expect(offsetAt('Asia/Kathmandu', 0)).toBe(5.5 * HOUR_MS);
  });
});
