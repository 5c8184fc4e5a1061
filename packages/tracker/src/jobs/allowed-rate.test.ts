import { parsePolicy } from '@shoal/policy';
import { describe, expect, it } from 'vitest';
import { allowedRate } from './allowed-rate.ts';

const MONDAY_MS = Date.UTC(2026, 0, 5, 10);
const HOSTS = ['web', 'web', 'web', 'db'].map((tier, index) => ({ name: `h${index}`, labels: { tier } }));

function allowed(rules: string, hosts = HOSTS) {
  const parsed = parsePolicy(`version: 1\ntimezone: UTC\nrules:\n${rules}`, 'bandwidth.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return allowedRate(parsed.policy, { class: 'prewarm', hosts }, MONDAY_MS);
}

describe('what a policy allows a job', () => {
  it('is the sum of what its hosts may receive, with the rule that counts for most of it', () => {
    const rules = [
      '- { name: web, match: { tier: web }, limit: { per: host, download: 8 Mbit/s } }',
      '- { name: db, match: { tier: db }, limit: { per: host, download: 1 Mbit/s } }',
    ].join('\n');
    expect(allowed(rules)).toEqual({ bytesPerSecond: 3e6 + 125e3, rule: 'web' });
  });

  it('is no more than what the fleet may, all or those that its cap is about', () => {
    const web = '- { name: web, limit: { per: host, download: 8 Mbit/s } }';
    expect(allowed(`${web}\n- { name: all, limit: { per: fleet, download: 16 Mbit/s } }`)).toEqual({
      ...{ bytesPerSecond: 2e6, rule: 'all' },
    });
    const some = '- { name: some, match: { tier: web }, limit: { per: fleet, download: 4 Mbit/s } }';
    expect(allowed(`${web}\n${some}`)).toEqual({ bytesPerSecond: 1.5e6, rule: 'some' });
    expect(allowed('- { name: all, limit: { per: fleet, download: 16 Mbit/s } }')?.rule).toBe('all');
  });

  it('is nothing while a rule stops them, and unlimited when one of them is', () => {
    expect(allowed('- { name: stop, match: { class: prewarm }, limit: { per: host, download: 0 } }')).toEqual({
      ...{ bytesPerSecond: 0, rule: 'stop' },
    });
    const one = '- { name: one, match: { tier: web }, limit: { per: host, download: 8 Mbit/s } }';
    expect(allowed(one)).toBeUndefined();
    expect(allowed('- { name: pulls, match: { class: pull }, limit: { per: host, download: 0 } }')).toBeUndefined();
    expect(allowed('- { name: x, limit: { per: host, download: 0 } }', [])).toBeUndefined();
  });
});
