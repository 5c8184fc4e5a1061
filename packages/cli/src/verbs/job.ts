/** `shoal job`: shows one job, watches it, or cancels it. */
import { Argument, Command } from 'commander';
import type { Io } from '../output/io.ts';
import { describeJob } from '../output/job-result.ts';
import { followJob } from '../people/follow-job.ts';
import { printOutcome } from '../people/order-job.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

type Flags = TrackerFlags & { watch: boolean; json: boolean };

export function jobCommand(io: Io): Command {
  const command = new Command('job')
    .description('show a job')
    .argument('<id>', 'as "shoal jobs" shows it')
    .addArgument(new Argument('[action]', 'cancel ends the job; hosts keep what they have').choices(['cancel']))
    .option('--watch', 'watch until every host has ended; exit 0 only when all are ready', false);
  return addTrackerOptions(command).action(async (id: string, action: 'cancel' | undefined, flags: Flags) => {
    const { watch, json, ...tracker } = flags;
    await withTracker(io, tracker, async (client) => {
      if (action === undefined && watch) return printOutcome(await followJob(client, id, io), json, io);
      const view = action === 'cancel' ? await client.cancelJob(id) : await client.job(id);
      io.stdout(json ? `${JSON.stringify(view)}\n` : describeJob(view));
    });
  });
}
