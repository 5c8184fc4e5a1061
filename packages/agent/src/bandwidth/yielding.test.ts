import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NicReading } from './nic-counters.ts';
import { createYielding, type Grants } from './yielding.ts';

const LINK = 25e6;
const RULE = { keepFree: 0.2, keepFreeRule: 'room', reactWithinMs: 250, reactWithinRule: 'room' };

/** A card on which business moves at a rate, and we at what we are granted. */
function twinLink(options: { linkBytesPerSecond?: number } = { linkBytesPerSecond: LINK }) {
  const card = { received: 0, sent: 0, names: ['eth0'], at: performance.now() };
  const link = { business: 0, own: 0, moved: 0, card, looks: 0 };
  const pass = (): void => {
    const seconds = (performance.now() - card.at) / 1000;
    card.at = performance.now();
    const own = link.own * seconds;
    link.moved += own * (1448 / 1514);
    card.received += link.business * seconds + own;
  };
  const reading = (): NicReading => {
    link.looks++;
    pass();
    const { received: receivedBytes, sent: sentBytes, names: interfaces, at: atMs } = card;
    return {
      receivedBytes,
      sentBytes,
      interfaces: [...interfaces],
      atMs,
      linkBytesPerSecond: options.linkBytesPerSecond,
    };
  };
  const yielding = createYielding({
    counters: { read: reading, close: () => {} },
    linkBytesPerSecond: undefined,
    moved: () => ({ download: link.moved, upload: 0 }),
  });
  const grants: (Grants | undefined)[] = [];
  yielding.onGrants = (next) => {
    pass();
    grants.push(next);
    if (next !== undefined) link.own = next.download;
  };
  onTestFinished(() => yielding.stop());
  return { link, yielding, grants };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('giving way', () => {
  it('grants all but what is to stay free while there is no business', () => {
    const { yielding } = twinLink();
    yielding.set(RULE);
    vi.advanceTimersByTime(10_000);
    expect((yielding.grants?.download ?? 0) / LINK).toBeGreaterThan(0.78);
    expect((yielding.grants?.download ?? 0) / LINK).toBeLessThanOrEqual(0.8);
  });

  it('is under the new budget within the reaction after business starts, and says what it measured', () => {
    const { link, yielding } = twinLink();
    yielding.set(RULE);
    vi.advanceTimersByTime(10_000);
    link.business = 0.6 * LINK;
    vi.advanceTimersByTime(250);
    expect(link.own / LINK).toBeLessThan(0.21);
    vi.advanceTimersByTime(1000);
    expect((yielding.measured?.business.download ?? 0) / LINK).toBeCloseTo(0.6, 1);
    link.business = 0;
    vi.advanceTimersByTime(10_000);
    expect(link.own / LINK).toBeGreaterThan(0.78);
  });

  it('looks rarely while nothing of ours moves, and often from its first byte on', () => {
    const { link, yielding, grants } = twinLink();
    yielding.set(RULE);
    vi.advanceTimersByTime(10_000);
    yielding.onGrants = (next) => grants.push(next);
    link.own = 0;
    vi.advanceTimersByTime(5000);
    const [looks, granted] = [link.looks, grants.length];
    vi.advanceTimersByTime(10_000);
    expect(link.looks - looks).toBe(10);
    expect(grants).toHaveLength(granted);
    link.business = 0.6 * LINK;
    yielding.moves();
    vi.advanceTimersByTime(250);
    expect((grants.at(-1)?.download ?? 1) / LINK).toBeLessThan(0.21);
  });

  it('looks as often as without a rule when the rule has time', () => {
    const { link, yielding } = twinLink();
    yielding.set({ ...RULE, reactWithinMs: 10_000 });
    const { looks } = link;
    vi.advanceTimersByTime(20_000);
    expect(link.looks - looks).toBe(10);
  });

  it('begins anew when other cards are counted', () => {
    const { link, yielding } = twinLink();
    yielding.set(RULE);
    vi.advanceTimersByTime(10_000);
    Object.assign(link.card, { names: ['eth0', 'eth1'], received: 1e12 });
    vi.advanceTimersByTime(100);
    expect((yielding.grants?.download ?? 0) / LINK).toBeLessThan(0.3);
    vi.advanceTimersByTime(10_000);
    expect((yielding.grants?.download ?? 0) / LINK).toBeGreaterThan(0.78);
  });

  it('grants nothing in particular without a rule, or on a link of unknown speed', () => {
    const { yielding } = twinLink({});
    yielding.set(RULE);
    vi.advanceTimersByTime(1000);
    expect([yielding.grants, yielding.linkBytesPerSecond]).toEqual([undefined, undefined]);
    const known = twinLink();
    known.yielding.set(RULE);
    vi.advanceTimersByTime(1000);
    known.yielding.set(undefined);
    expect([known.yielding.grants, known.grants.at(-1)]).toEqual([undefined, undefined]);
  });
});
