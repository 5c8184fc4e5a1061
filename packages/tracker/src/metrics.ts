/**
 * What the tracker says of itself and of the fleet, as Prometheus metrics. No host and no digest stands in a label: ten
 * thousand hosts are counted, not listed.
 */

import type { JobHostState, JobState } from './client/job-schemas.ts';
import { counter, gauge, type Metric } from './client/metrics-text.ts';
import type { Traffic } from './client/shapes.ts';

export interface TrackerFigures {
  /** By role and whether they are here. */
  agents: Record<'agent' | 'seeder', { known: number; online: number }>;
  /** Open jobs by state. */
  jobs: Partial<Record<JobState, number>>;
  /** Hosts of open jobs by state. */
  jobHosts: Record<JobHostState, number>;
  /** Since the start. */
  endedJobs: Record<'done' | 'failed' | 'cancelled', number>;
  swarms: number;
  swarmMembers: number;
  policyVersion: number;
  /** What agents said they moved, summed up since the start. */
  moved: Traffic;
}

const JOB_STATES = ['scheduled', 'running', 'paused', 'standing'] as const;

export function trackerMetrics(figures: TrackerFigures): Metric[] {
  const { agents, jobs, jobHosts, endedJobs, moved } = figures;
  const samplesBy = (label: string, values: Record<string, number>) =>
    Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
  return [
    gauge(
      'shoal_tracker_agents{role,state}',
      'Agents and seeders that are known, by whether they are connected.',
      (['agent', 'seeder'] as const).flatMap((role) => [
        { labels: { role, state: 'online' }, value: agents[role].online },
        { labels: { role, state: 'offline' }, value: agents[role].known - agents[role].online },
      ]),
    ),
    gauge(
      'shoal_tracker_jobs{state}',
      'Open jobs, by state.',
      JOB_STATES.map((state) => ({ labels: { state }, value: jobs[state] ?? 0 })),
    ),
    gauge('shoal_tracker_job_hosts{state}', 'Hosts of open jobs, by state.', samplesBy('state', jobHosts)),
    counter('shoal_tracker_jobs_ended_total{state}', 'Jobs that ended, by how.', samplesBy('state', endedJobs)),
    gauge('shoal_tracker_swarms', 'Blobs that are shared now.', figures.swarms),
    gauge('shoal_tracker_swarm_members', 'Members of all swarms together.', figures.swarmMembers),
    gauge(
      'shoal_tracker_policy_version',
      'Version of the bandwidth policy in force; 0 for none.',
      figures.policyVersion,
    ),
    counter(
      'shoal_tracker_peer_bytes_total',
      'Blob bytes that agents received from peers: what the registry did not have to send.',
      moved.receivedBytes,
    ),
    counter(
      'shoal_tracker_remote_bytes_total',
      'Of the bytes from peers, those that came from another zone, over an uplink.',
      moved.remoteBytes,
    ),
    counter('shoal_tracker_origin_bytes_total', 'Blob bytes that agents read from registries.', moved.originBytes),
  ];
}
