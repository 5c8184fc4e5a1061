import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BucketRule, bucketRulesOf, type Remote } from './bucket-rules.ts';
import { BURST_MS, createLimiter, type Traffic } from './buckets.ts';
import { effectiveRules } from './effective.ts';
import { policyWith, utc } from './policy.testkit.ts';
import { CLASSES, type Policy, type TrafficClass } from './policy.ts';
import { nextChange } from './schedule.ts';

const REMOTES: readonly Remote[] = ['zone', 'elsewhere', 'registry'];
const BLOCK = 131_072;

function rule(part: Partial<BucketRule>): BucketRule {
  return { key: 'a', direction: 'upload', classes: CLASSES, remotes: REMOTES, bytesPerSecond: 1e6, ...part };
}

function upload(name: TrafficClass): Traffic {
  return { class: name, direction: 'upload', remote: 'elsewhere' };
}

/** Bytes a second that a pull gets which always wants more, looking every 5 ms. */
function rateOf(one: BucketRule, ms = 20_000): number {
  const limiter = createLimiter([one], 0);
  let bytes = 0;
  for (let now = 0; now < ms; now += 5)
    while (limiter.available(upload('pull'), now) > 0) {
      limiter.take({ ...upload('pull'), bytes: BLOCK }, now);
      bytes += BLOCK;
    }
  return (bytes * 1000) / ms;
}

describe('a limiter', () => {
  it.each([
    ['1 Mbit/s', 125e3],
    ['100 Mbit/s', 12.5e6],
    ['10 Gbit/s', 1250e6],
  ])('gives %s as it is, with whole blocks', (_, bytesPerSecond) => {
    const pull = rateOf(rule({ bytesPerSecond }));
    expect(pull / bytesPerSecond).toBeGreaterThan(0.98);
    expect(pull / bytesPerSecond).toBeLessThan(1.06);
  });

  it('takes from all rules that count a byte, and the least of them decides', () => {
    const limiter = createLimiter(
      [
        rule({ key: 'all', bytesPerSecond: 1e6 }),
        rule({ key: 'seed', classes: ['seed'], bytesPerSecond: 5e5 }),
        rule({ key: 'uplink', remotes: ['elsewhere', 'registry'], bytesPerSecond: 2e5 }),
        rule({ key: 'down', direction: 'download', bytesPerSecond: 1 }),
      ],
      0,
    );
    const seed = upload('seed');
    expect(limiter.available(seed, 10)).toBe(2000);
    expect(limiter.available({ ...seed, remote: 'zone' }, 10)).toBe(5000);
    expect(limiter.available({ ...upload('pull'), remote: 'zone' }, 10)).toBe(10_000);
    limiter.take({ ...seed, bytes: 2000 }, 10);
    expect(limiter.available(seed, 10)).toBe(0);
    expect(limiter.available({ ...seed, remote: 'zone' }, 10)).toBe(3000);
    expect(limiter.available({ ...upload('pull'), remote: 'zone' }, 10)).toBe(8000);
  });

  it('gives without end where no rule counts, and nothing where one freezes', () => {
    expect(createLimiter([], 0).available(upload('pull'), 0)).toBe(Number.POSITIVE_INFINITY);
    expect(createLimiter([rule({ bytesPerSecond: 0 })], 0).available(upload('pull'), 60_000)).toBe(0);
  });

  it('never catches up after a pause', () => {
    expect(createLimiter([rule({})], 0).available(upload('pull'), 3_600_000)).toBe(10_000);
  });

  it('keeps tokens and debt of the rules that stay when others come and go', () => {
    const limiter = createLimiter([rule({})], 0);
    limiter.take({ ...upload('pull'), bytes: 50_000 }, 10);
    limiter.setRules([rule({ bytesPerSecond: 2e6 }), rule({ key: 'b', bytesPerSecond: 1e9 })], 10);
    expect(limiter.available(upload('pull'), 10)).toBe(-40_000);
    expect(limiter.available(upload('pull'), 20)).toBe(-20_000);
    limiter.setRules([rule({ key: 'b', bytesPerSecond: 1e9 })], 20);
    expect(limiter.available(upload('pull'), 20)).toBe(1e7);
  });
});

interface Move extends Traffic {
  waitMs: number;
  bytes: number;
}

interface Grant extends Traffic {
  ms: number;
  bytes: number;
}

/** No window of grants holds more than the rule gives in that time and what its bucket saves up. */
function expectKept(one: BucketRule, grants: readonly Grant[], debtBytes: number): void {
  const counted = grants.filter(
    ({ class: name, direction, remote }) =>
      one.direction === direction && one.classes.includes(name) && one.remotes.includes(remote),
  );
  for (let first = 0; first < counted.length; first++) {
    let bytes = 0;
    for (const { ms, bytes: more } of counted.slice(first)) {
      bytes += more;
      const windowMs = ms - (counted[first]?.ms ?? ms);
      const most = (one.bytesPerSecond * (windowMs + BURST_MS)) / 1000 + debtBytes;
      expect(bytes).toBeLessThanOrEqual(most * (1 + 1e-9) + 1e-3);
    }
  }
}

/** What was granted while the same rules held: a rule is judged over the time that it held. */
function periodsOf(policy: Policy, startMs: number, moves: readonly Move[], wholeBlocks: boolean) {
  const host = { name: 'a', linkBytesPerSecond: 125e6 };
  const held = (ms: number) => bucketRulesOf(effectiveRules(policy, host, ms), { ...host, shareOf: () => 0.25 });
  const timer = (ms: number) => nextChange(policy, ms) ?? Number.POSITIVE_INFINITY;
  let now = startMs;
  let timerMs = timer(now);
  const periods = [{ rules: held(now), grants: [] as Grant[] }];
  const limiter = createLimiter(held(now), now);
  for (const { waitMs, ...move } of moves) {
    now += waitMs;
    if (now >= timerMs) {
      timerMs = timer(now);
      periods.push({ rules: held(now), grants: [] });
      limiter.setRules(held(now), now);
    }
    const available = limiter.available(move, now);
    const bytes = Math.min(move.bytes, wholeBlocks ? BLOCK : available);
    if (available <= 0) continue;
    limiter.take({ ...move, bytes }, now);
    periods.at(-1)?.grants.push({ ...move, ms: now, bytes });
  }
  return periods;
}

describe('for random policies and times, bytes in any window never exceed any matching rule', () => {
  const rate = fc.constantFrom('0', '1 Mbit/s', '3 MB/s', '200 Mbit/s', '1 GiB/s', '10 Gbit/s');
  const share = fc.constantFrom('0%', '5%', '40%', '100%');
  const limit = fc.oneof(
    fc
      .tuple(fc.oneof(rate, share), fc.oneof(rate, share))
      .map(([d, u]) => `{ per: host, download: ${d}, upload: ${u} }`),
    fc.tuple(rate, rate).map(([i, e]) => `{ per: zone, ingress: ${i}, egress: ${e} }`),
    fc.tuple(rate, rate).map(([d, u]) => `{ per: fleet, download: ${d}, upload: ${u} }`),
    rate.map((e) => `{ per: origin, egress: ${e} }`),
  );
  const classes = fc.subarray([...CLASSES], { minLength: 1 }).map((some) => `match: { class: [${some}] }, `);
  const when = fc.constantFrom(
    '',
    'when: mon-fri 08:00-22:00, ',
    'when: daily 22:00-06:00, ',
    'when: daily 02:00-03:00, ',
  );
  const policies = fc
    .array(
      fc.tuple(classes, when, limit).map(([match, at, what]) => `${match}${at}limit: ${what}`),
      { minLength: 1, maxLength: 5 },
    )
    .map((rules) => policyWith(rules, 'Europe/Berlin'));
  const steps = fc.array(
    fc.record({
      class: fc.constantFrom(...CLASSES),
      direction: fc.constantFrom('download' as const, 'upload' as const),
      remote: fc.constantFrom(...REMOTES),
      waitMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constant(4000)),
      bytes: fc.constantFrom(1000, BLOCK, 1e9),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  );
  // Minutes around the edges of the windows, the nights of the clock changes among them.
  const starts = fc
    .tuple(
      fc.constantFrom('2026-03-29', '2026-10-25', '2026-11-30'),
      fc.constantFrom('00', '01', '02', '05', '07', '21'),
    )
    .map(([day, hour]) => utc(`${day} ${hour}:00`) - 20_000);

  it.each([
    ['taken up to what is available', false],
    ['taken as whole blocks', true],
  ])('%s', (_, wholeBlocks) => {
    fc.assert(
      fc.property(policies, starts, steps, (policy, startMs, moves) => {
        for (const { rules, grants } of periodsOf(policy, startMs, moves, wholeBlocks))
          for (const one of rules) expectKept(one, grants, wholeBlocks ? BLOCK : 0);
      }),
      { numRuns: 300 },
    );
  });
});
