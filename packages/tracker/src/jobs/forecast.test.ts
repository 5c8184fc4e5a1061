import { type Policy, parsePolicy } from '@shoal/policy';
import { describe, expect, it } from 'vitest';
import { type ForecastHost, type ForecastOrder, forecast } from './forecast.ts';

const NIGHT = Date.parse('2026-11-27T22:00:00Z');
const HOUR = 3600_000;

function policyOf(...rules: string[]): Policy {
  const lines = rules.map((rule, index) => `  - { name: rule ${index + 1}, ${rule} }`);
  const parsed = parsePolicy(`version: 1\ntimezone: UTC\nrules:\n${lines.join('\n')}\n`, 'bandwidth.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.policy;
}

function hosts(count: number, changes: Partial<ForecastHost> = {}): ForecastHost[] {
  return Array.from({ length: count }, (_, index) => ({ name: `h${index}`, bytes: 8e9, zone: undefined, ...changes }));
}

const order = (changes: Partial<ForecastOrder> = {}): ForecastOrder => ({
  ...{ class: 'prewarm', hosts: hosts(10), fromMs: NIGHT, byMs: NIGHT + 8 * HOUR },
  ...changes,
});

/** 8 GB take 3 h at 6.6 Mbit/s with what lies around them; 80 Mbit/s: 15 min. */
const SLOW = 'limit: { per: host, download: 1 Mbit/s }';

describe('a deadline', () => {
  it('is no matter without limits, or with wide ones', () => {
    expect(forecast(policyOf('yield: { keep-free: 20%, react-within: 500 ms }'), order())).toBeUndefined();
    expect(forecast(policyOf('limit: { per: host, download: 80 Mbit/s }'), order())).toBeUndefined();
  });

  it('that a cap does not let be kept names the rule and when it will be', () => {
    const late = forecast(policyOf(SLOW), order());
    expect(late).toMatchObject({ lateHosts: 10, rule: 'rule 1' });
    expect((late?.readyMs ?? 0) - NIGHT).toBeCloseTo((8e9 * 1.12 * 1000) / 125_000, -3);
  });

  it('counts only the windows in which bytes move', () => {
    const closed = 'limit: { per: host, download: 0 }, when: "daily 23:00-05:00"';
    const wide = 'limit: { per: host, download: 16 Mbit/s }';
    // 2 MB/s: 75 minutes. One hour before the window, the rest after it.
    const late = forecast(policyOf(wide, closed), order({ byMs: NIGHT + 6 * HOUR }));
    expect(late?.readyMs).toBeGreaterThan(NIGHT + 7 * HOUR);
    expect(late?.readyMs).toBeLessThan(NIGHT + 7.5 * HOUR);
    expect(late?.rule).toBe('rule 2');
    expect(forecast(policyOf(wide, closed), order({ byMs: NIGHT + 8 * HOUR }))).toBeUndefined();
  });

  it('never comes under a freeze', () => {
    expect(forecast(policyOf('limit: { per: host, download: 0 }'), order())).toMatchObject({ readyMs: undefined });
  });

  it('is about what a host lacks, and about an upload that is slower than the download', () => {
    expect(forecast(policyOf(SLOW), order({ hosts: hosts(10, { bytes: 50e6 }) }))).toBeUndefined();
    expect(forecast(policyOf('limit: { per: host, upload: 1 Mbit/s }'), order())).toMatchObject({ lateHosts: 10 });
  });

  it('is about only those whom the rule means', () => {
    const some = [...hosts(7), ...hosts(3, { labels: { site: 'far' } })];
    const late = forecast(policyOf(`match: { site: far }, ${SLOW}`), order({ hosts: some }));
    expect(late).toMatchObject({ lateHosts: 3 });
  });

  it('holds for what hosts share: a piece enters a zone once, the whole fleet takes every copy', () => {
    const zoned = order({ hosts: hosts(50, { zone: 'a' }) });
    expect(forecast(policyOf('limit: { per: zone, ingress: 16 Mbit/s }'), zoned)).toBeUndefined();
    expect(forecast(policyOf('limit: { per: zone, ingress: 1 Mbit/s }'), zoned)).toMatchObject({ lateHosts: 50 });
    expect(forecast(policyOf('limit: { per: fleet, download: 16 Mbit/s }'), zoned)).toMatchObject({ lateHosts: 50 });
    expect(forecast(policyOf('limit: { per: origin, egress: 1 Mbit/s }'), zoned)).toMatchObject({ lateHosts: 50 });
  });

  it('of ten thousand hosts is told at once', () => {
    expect(forecast(policyOf(SLOW), order({ hosts: hosts(10_000) }))).toMatchObject({ lateHosts: 10_000 });
  });
});
