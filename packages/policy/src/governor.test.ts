import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGovernor, type Governor } from './governor.ts';

const LINK = 125e6;
const OPTIONS = { linkBytesPerSecond: LINK, keepFree: 0.3, reactWithinMs: 250 };
const FRAME_PER_PAYLOAD = 1514 / 1448;

/** A link whose card counts business and, with its headers, what we send at the grant. */
function createLink(governor: Governor) {
  let sample = { nowMs: 0, nicBytes: 0, ownBytes: 0 };
  governor.sample(sample);
  return (businessBytesPerSecond: number, ms: number): number => {
    const own = (governor.grantBytesPerSecond * ms) / 1000;
    sample = {
      nowMs: sample.nowMs + ms,
      nicBytes: sample.nicBytes + (businessBytesPerSecond * ms) / 1000 + own * FRAME_PER_PAYLOAD,
      ownBytes: sample.ownBytes + own,
    };
    return governor.sample(sample);
  };
}

describe('a governor', () => {
  it('grants what business and the part to keep free leave of the link', () => {
    const run = createLink(createGovernor(OPTIONS));
    let grant = 0;
    for (let i = 0; i < 100; i++) grant = run(0.2 * LINK, 80);
    expect(grant / LINK).toBeCloseTo(0.5, 5);
  });

  it('goes down with the first sample that sees business rise, as if it rose on, and comes back to what is left', () => {
    const governor = createGovernor(OPTIONS);
    const run = createLink(governor);
    for (let i = 0; i < 100; i++) run(0, 80);
    expect(governor.grantBytesPerSecond / LINK).toBeCloseTo(0.7, 5);
    run(0.4 * LINK, 80);
    expect(governor.grantBytesPerSecond).toBe(0);
    for (let i = 0; i < 100; i++) run(0.4 * LINK, 80);
    expect(governor.grantBytesPerSecond / LINK).toBeCloseTo(0.3, 5);
    expect(run(LINK, 80)).toBe(0);
  });

  it('goes up slowly: all of the link takes ten times the time to react', () => {
    const governor = createGovernor(OPTIONS);
    const run = createLink(governor);
    run(LINK, 100);
    for (let ms = 0; ms < 2300; ms += 100) run(0, 100);
    expect(governor.grantBytesPerSecond / LINK).toBeLessThan(0.66);
    for (let ms = 0; ms < 300; ms += 100) run(0, 100);
    expect(governor.grantBytesPerSecond / LINK).toBeCloseTo(0.7, 5);
  });

  it('takes our bytes that still wait in the kernel neither for business nor for room', () => {
    const governor = createGovernor(OPTIONS);
    let nicBytes = 0;
    governor.sample({ nowMs: 0, nicBytes, ownBytes: 0 });
    for (let i = 1; i <= 100; i++) {
      // What we wrote in one interval leaves in the next one.
      const late = i % 2 === 0 ? 2 : 0;
      nicBytes += late * 1e6 * FRAME_PER_PAYLOAD;
      governor.sample({ nowMs: i * 80, nicBytes, ownBytes: i * 1e6 });
    }
    expect(governor.grantBytesPerSecond / LINK).toBeCloseTo(0.7, 5);
  });

  it('learns nothing from counters that were reset and goes on with the next sample', () => {
    const governor = createGovernor(OPTIONS);
    const run = createLink(governor);
    for (let i = 0; i < 100; i++) run(0.2 * LINK, 80);
    const before = governor.grantBytesPerSecond;
    expect(governor.sample({ nowMs: 9000, nicBytes: 5, ownBytes: 5 })).toBe(before);
    expect(governor.sample({ nowMs: 9080, nicBytes: 1e15, ownBytes: 5 })).toBe(before);
    expect(governor.sample({ nowMs: 9160, nicBytes: 1e15 + 0.5 * LINK * 0.08, ownBytes: 5 })).toBeCloseTo(0.2 * LINK);
  });

  it('rises by one step after missed samples, and not by those that come too soon', () => {
    const governor = createGovernor(OPTIONS);
    const run = createLink(governor);
    run(LINK, 100);
    expect(run(0, 60_000) / LINK).toBeCloseTo(0.07, 5);
    for (let i = 0; i < 9; i++) run(0, 2);
    expect(governor.grantBytesPerSecond / LINK).toBeCloseTo(0.07, 5);
  });

  it('never grants more than business leaves, whatever the times between samples', () => {
    const moves = fc.array(fc.tuple(fc.integer({ min: 25, max: 2000 }), fc.double({ min: 0, max: 1, noNaN: true })), {
      maxLength: 50,
      size: 'max',
    });
    fc.assert(
      fc.property(moves, (all) => {
        const run = createLink(createGovernor(OPTIONS));
        for (const [ms, part] of all)
          expect(run(part * LINK, ms)).toBeLessThanOrEqual(Math.max(0, (0.7 - part) * LINK) + 1);
      }),
    );
  });

  it('grants between nothing and what is not kept free, whatever the counters say', () => {
    const counter = fc.oneof(fc.integer({ min: 0, max: 1e9 }), fc.double({ min: 0, max: 2 ** 64, noNaN: true }));
    const samples = fc.array(
      fc.record({ nowMs: fc.integer({ min: 0, max: 1e6 }), nicBytes: counter, ownBytes: counter }),
    );
    fc.assert(
      fc.property(samples, (all) => {
        const governor = createGovernor(OPTIONS);
        for (const sample of all) {
          const grant = governor.sample(sample);
          expect(grant).toBeGreaterThanOrEqual(0);
          expect(grant).toBeLessThanOrEqual(0.7 * LINK);
        }
      }),
    );
  });
});
