import { metricsText } from '@shoal/tracker/client';
import { expect, it } from 'vitest';
import { NO_LIMITS } from '../bandwidth/bandwidth.testkit.ts';
import { EMPTY_CACHE } from '../cache/cache.testkit.ts';
import { metricsOf } from './metrics.ts';

const status = {
  ...{ name: 'a', peerId: 'ab', version: '1', role: 'agent' as const, peerPort: 1, connections: 3, closeReasons: {} },
  tracker: { url: 'http://t', state: 'connected' as const },
  traffic: { sentBytes: 1, receivedBytes: 2, remoteBytes: 1, originBytes: 3 },
  ...{ blobs: [], jobs: [], cache: EMPTY_CACHE },
};

it('counts traffic, and leaves out what is not known', () => {
  const text = metricsText(metricsOf({ ...status, limits: NO_LIMITS }));
  expect(text).toContain('# TYPE shoal_agent_received_bytes_total counter\nshoal_agent_received_bytes_total 2\n');
  expect(text).toContain('shoal_agent_policy_version 0\n');
  expect(text).not.toContain('business');
  expect(text).not.toContain('proxy');
});

it('counts what the proxy sent, by where it came from', () => {
  const proxy = { port: 1, pulls: [], certFile: '/data/proxy-ca.crt', sentBytes: { cache: 4, swarm: 5, registry: 6 } };
  const text = metricsText(metricsOf({ ...status, proxy, limits: NO_LIMITS }));
  expect(text).toContain('shoal_agent_proxy_sent_bytes_total{source="cache"} 4\n');
  expect(text).toContain('shoal_agent_proxy_sent_bytes_total{source="registry"} 6\n');
});

it('names the rule that set a limit, whatever is in its name', () => {
  const rule = 'the "night"\\\n';
  const free = { download: null, upload: null };
  const rates = { pull: free, prewarm: { download: { bytesPerSecond: 5, rule }, upload: null }, seed: free };
  const measured = { business: { download: 7, upload: 0 }, own: { download: 1, upload: 2 } };
  const text = metricsText(metricsOf({ ...status, limits: { ...NO_LIMITS, rates, measured } }));
  expect(text).toContain(
    'shoal_agent_limit_bytes_per_second{class="prewarm",direction="download",rule="the \\"night\\"\\\\\\n"} 5\n',
  );
  expect(text).toContain('shoal_agent_business_bytes_per_second{direction="download"} 7\n');
  for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^(# (HELP|TYPE) )?shoal_agent_/);
});

it('says what hosts share, and which part of it is this host’s', () => {
  const cap = {
    per: 'zone',
    key: 'ingress',
    classes: ['pull'],
    bytesPerSecond: 80,
    rule: 'uplinks',
    part: 0.25,
  } as const;
  const text = metricsText(metricsOf({ ...status, limits: { ...NO_LIMITS, shared: [cap] } }));
  const labels = '{per="zone",direction="ingress",rule="uplinks"}';
  expect(text).toContain(`shoal_agent_shared_limit_bytes_per_second${labels} 80\n`);
  expect(text).toContain(`shoal_agent_shared_part_bytes_per_second${labels} 20\n`);
});

it('counts what the cache holds and what left it; no limit is infinity', () => {
  const cache = { ...EMPTY_CACHE, bytes: 7, evictedBlobs: 2, evictedBytes: 9, overBudgetBytes: 3 };
  const text = metricsText(metricsOf({ ...status, cache, limits: NO_LIMITS }));
  expect(text).toContain('shoal_agent_cache_bytes 7\n');
  expect(text).toContain('shoal_agent_cache_budget_bytes 1000\n');
  expect(text).toContain('shoal_agent_cache_over_budget_bytes 3\n');
  expect(text).toContain('# TYPE shoal_agent_cache_evictions_total counter\nshoal_agent_cache_evictions_total 2\n');
  expect(text).toContain('shoal_agent_cache_evicted_bytes_total 9\n');
  const unlimited = metricsText(metricsOf({ ...status, cache: { ...cache, budgetBytes: null }, limits: NO_LIMITS }));
  expect(unlimited).toContain('shoal_agent_cache_budget_bytes +Inf\n');
});
