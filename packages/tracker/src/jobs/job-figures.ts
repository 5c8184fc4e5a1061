/** Jobs in figures, for metrics. Pure. */
import type { TrackerFigures } from '../metrics.ts';
import { type Job, stateOfJob } from './job.ts';

export type JobFigures = Pick<TrackerFigures, 'jobs' | 'jobHosts' | 'endedJobs'>;

export function figuresOf(open: readonly Job[]): Omit<JobFigures, 'endedJobs'> {
  const jobs: JobFigures['jobs'] = {};
  const jobHosts: JobFigures['jobHosts'] = { waiting: 0, fetching: 0, loading: 0, ready: 0, failed: 0 };
  for (const job of open) {
    const state = stateOfJob(job);
    jobs[state] = (jobs[state] ?? 0) + 1;
    for (const host of job.hosts.values()) jobHosts[host.state]++;
  }
  return { jobs, jobHosts };
}
