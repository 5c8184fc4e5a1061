/**
 * What an agent says of itself as Prometheus' text format (version 0.0.4): traffic and the limits in force.
 * No digest and no host stands in a label; a rule's name does, as the operator chose it.
 */
import { CLASSES, DIRECTIONS } from '@shoal/policy';
import type { AgentStatus } from '../agent-status.ts';

interface Metric {
  name: string;
  help: string;
  type: 'gauge' | 'counter';
  samples: { labels?: Record<string, string>; value: number }[];
}

export function metricsText(status: AgentStatus): string {
  return metricsOf(status)
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => {
      const lines = samples.map(({ labels, value }) => `${name}${labelText(labels)} ${numberText(value)}`);
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
    })
    .join('\n')
    .concat('\n');
}

function metricsOf({ traffic, limits, connections, proxy, cache }: AgentStatus): Metric[] {
  const { measured, yield: yields } = limits;
  const byDirection = (rates: Record<'download' | 'upload', number> | null | undefined) =>
    rates ? DIRECTIONS.map((direction) => ({ labels: { direction }, value: rates[direction] })) : [];
  const limitSamples = CLASSES.flatMap((name) =>
    DIRECTIONS.flatMap((direction) => {
      const rate = limits.rates[name][direction];
      return rate === null ? [] : [{ labels: { class: name, direction, rule: rate.rule }, value: rate.bytesPerSecond }];
    }),
  );
  const sharedSamples = (rateOf: (cap: AgentStatus['limits']['shared'][number]) => number) =>
    limits.shared.map((cap) => ({ labels: { per: cap.per, direction: cap.key, rule: cap.rule }, value: rateOf(cap) }));
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({
    name,
    help,
    type: 'gauge',
    samples,
  });
  const counter = (name: string, help: string, value: number): Metric => ({
    name,
    help,
    type: 'counter',
    samples: [{ value }],
  });
  return [
    counter('shoal_agent_received_bytes_total', 'Blob bytes received from peers.', traffic.receivedBytes),
    counter('shoal_agent_sent_bytes_total', 'Blob bytes sent to peers.', traffic.sentBytes),
    counter('shoal_agent_origin_bytes_total', 'Blob bytes read from registries.', traffic.originBytes),
    {
      ...{ name: 'shoal_agent_proxy_sent_bytes_total', type: 'counter' },
      help: 'Bytes the registry proxy sent to engines, by where they came from.',
      samples: Object.entries(proxy?.sentBytes ?? {}).map(([source, value]) => ({ labels: { source }, value })),
    },
    gauge('shoal_agent_cache_bytes', 'Bytes of all blobs in the cache, with what has still to come of them.', [
      { value: cache.bytes },
    ]),
    gauge('shoal_agent_cache_budget_bytes', 'What the cache may hold.', [
      { value: cache.budgetBytes ?? Number.POSITIVE_INFINITY },
    ]),
    gauge('shoal_agent_cache_over_budget_bytes', 'What does not fit, as open jobs and pulls need all of it.', [
      { value: cache.overBudgetBytes },
    ]),
    counter('shoal_agent_cache_evictions_total', 'Blobs that left the cache.', cache.evictedBlobs),
    counter('shoal_agent_cache_evicted_bytes_total', 'Bytes of blobs that left the cache.', cache.evictedBytes),
    gauge('shoal_agent_connections', 'Peer connections that are open.', [{ value: connections }]),
    gauge('shoal_agent_policy_version', 'Version of the bandwidth policy in force; 0 for none.', [
      { value: limits.policyVersion },
    ]),
    gauge('shoal_agent_limit_bytes_per_second', 'The least limit in force and the rule that set it.', limitSamples),
    gauge(
      'shoal_agent_shared_limit_bytes_per_second',
      'Limits that this host shares with others: a zone, the fleet, a registry.',
      sharedSamples(({ bytesPerSecond }) => bytesPerSecond),
    ),
    gauge(
      'shoal_agent_shared_part_bytes_per_second',
      'What of a shared limit is this host’s now.',
      sharedSamples(({ bytesPerSecond, part }) => bytesPerSecond * part),
    ),
    gauge(
      'shoal_agent_business_bytes_per_second',
      'Traffic on the measured network cards that is not ours.',
      byDirection(measured?.business),
    ),
    gauge('shoal_agent_own_bytes_per_second', 'Our traffic on the measured network cards.', byDirection(measured?.own)),
    gauge('shoal_agent_grant_bytes_per_second', 'What business traffic leaves for us.', byDirection(yields?.grants)),
    gauge(
      'shoal_agent_link_bytes_per_second',
      'Speed of the link, declared or detected.',
      limits.link.bytesPerSecond === null ? [] : [{ value: limits.link.bytesPerSecond }],
    ),
  ];
}

function labelText(labels: Record<string, string> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function numberText(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value);
}
