/** `shoal jobs`: the jobs the tracker knows. */
import { Command } from 'commander';
import type { Io } from '../output/io.ts';
import { describeJobs } from '../output/job-result.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

export function jobsCommand(io: Io): Command {
  return addTrackerOptions(new Command('jobs').description('list the jobs')).action(
    async ({ json, ...flags }: TrackerFlags & { json: boolean }) => {
      const views = await withTracker(io, flags, (client) => client.jobs());
      io.stdout(json ? `${JSON.stringify(views)}\n` : describeJobs(views));
    },
  );
}
