/**
 * What an agent says of itself as Prometheus' text format (version 0.0.4): traffic and the limits in force.
 * No digest and no host stands in a label; a rule's name does, as the operator chose it.
 */
import { CLASSES, DIRECTIONS } from '@shoal/policy';
import { counter, gauge, type Metric } from '@shoal/tracker/client';
import type { AgentStatus } from '../agent-status.ts';

export function metricsOf(status: AgentStatus): Metric[] {
  const { traffic, limits, connections, closeReasons, proxy, cache, tracker, jobs } = status;
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
  return [
    counter('shoal_agent_received_bytes_total', 'Blob bytes received from peers.', traffic.receivedBytes),
    counter('shoal_agent_remote_bytes_total', 'Of those, from peers in another zone.', traffic.remoteBytes),
    counter('shoal_agent_sent_bytes_total', 'Blob bytes sent to peers.', traffic.sentBytes),
    counter('shoal_agent_origin_bytes_total', 'Blob bytes read from registries.', traffic.originBytes),
    counter(
      'shoal_agent_proxy_sent_bytes_total{source}',
      'Bytes the registry proxy sent to engines, by where they came from.',
      Object.entries(proxy?.sentBytes ?? {}).map(([source, value]) => ({ labels: { source }, value })),
    ),
    gauge('shoal_agent_proxy_pulls', 'Blobs that come in for engines now.', proxy?.pulls.length ?? []),
    gauge(
      'shoal_agent_tracker_connected',
      'Whether there is a session with the tracker.',
      tracker.state === 'connected' ? 1 : 0,
    ),
    gauge('shoal_agent_jobs', 'Open jobs of this host.', jobs.length),
    gauge('shoal_agent_images{state}', 'Images of open jobs, by state.', imageSamples(jobs)),
    counter(
      'shoal_agent_closed_connections_total{reason}',
      'Peer connections that ended, by why.',
      Object.entries(closeReasons).map(([reason, value]) => ({ labels: { reason }, value })),
    ),
    gauge('shoal_agent_cache_bytes', 'Bytes of all blobs in the cache, with what has still to come.', cache.bytes),
    gauge('shoal_agent_cache_budget_bytes', 'What the cache may hold.', cache.budgetBytes ?? Number.POSITIVE_INFINITY),
    gauge(
      'shoal_agent_cache_over_budget_bytes',
      'What does not fit, as open jobs and pulls need all of it.',
      cache.overBudgetBytes,
    ),
    counter('shoal_agent_cache_evictions_total', 'Blobs that left the cache.', cache.evictedBlobs),
    counter('shoal_agent_cache_evicted_bytes_total', 'Bytes of blobs that left the cache.', cache.evictedBytes),
    gauge('shoal_agent_connections', 'Peer connections that are open.', connections),
    gauge('shoal_agent_policy_version', 'Version of the bandwidth policy in force; 0 for none.', limits.policyVersion),
    gauge(
      'shoal_agent_limit_bytes_per_second{class,direction,rule}',
      'The least limit in force and the rule that set it.',
      limitSamples,
    ),
    gauge(
      'shoal_agent_shared_limit_bytes_per_second{per,direction,rule}',
      'Limits that this host shares with others: a zone, the fleet, a registry.',
      sharedSamples(({ bytesPerSecond }) => bytesPerSecond),
    ),
    gauge(
      'shoal_agent_shared_part_bytes_per_second{per,direction,rule}',
      'What of a shared limit is this host’s now.',
      sharedSamples(({ bytesPerSecond, part }) => bytesPerSecond * part),
    ),
    gauge(
      'shoal_agent_business_bytes_per_second{direction}',
      'Traffic on the measured network cards that is not ours.',
      byDirection(measured?.business),
    ),
    gauge(
      'shoal_agent_own_bytes_per_second{direction}',
      'Our traffic on the measured network cards.',
      byDirection(measured?.own),
    ),
    gauge(
      'shoal_agent_grant_bytes_per_second{direction}',
      'What business traffic leaves for us.',
      byDirection(yields?.grants),
    ),
    gauge(
      'shoal_agent_link_bytes_per_second',
      'Speed of the link, declared or detected.',
      limits.link.bytesPerSecond ?? [],
    ),
  ];
}

const IMAGE_STATES = ['fetching', 'loading', 'ready', 'failed'] as const;

function imageSamples(jobs: AgentStatus['jobs']) {
  const images = jobs.flatMap((job) => job.images);
  return IMAGE_STATES.map((state) => ({
    labels: { state },
    value: images.filter((image) => image.state === state).length,
  }));
}
