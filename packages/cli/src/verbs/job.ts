/** `shoal job`: shows one job, watches it, or acts on it. */
import type { JobAction } from '@shoal/tracker/client';
import { Argument, Command } from 'commander';
import type { Io } from '../output/io.ts';
import { describeJob } from '../output/job-result.ts';
import { followJob } from '../people/follow-job.ts';
import { printOutcome } from '../people/order-job.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

type Flags = TrackerFlags & { watch: boolean; json: boolean };

const ACTIONS: readonly JobAction[] = ['cancel', 'pause', 'resume', 'retry'];

export function jobCommand(io: Io): Command {
  const action = new Argument(
    '[action]',
    'cancel ends the job, hosts keep what they have; pause and resume; retry lets hosts that failed try again',
  ).choices(ACTIONS);
  const command = new Command('job')
    .description('show a job')
    .argument('<id>', 'as "shoal jobs" shows it')
    .addArgument(action)
    .option('--watch', 'watch until every host has ended; exit 0 only when all are ready', false);
  return addTrackerOptions(command).action(async (id: string, action: JobAction | undefined, flags: Flags) => {
    const { watch, json, ...tracker } = flags;
    await withTracker(io, tracker, async (client) => {
      const view = action === undefined ? undefined : await client.actOnJob(id, action);
      if (watch) return printOutcome(await followJob(client, id, io), json, io);
      const shown = view ?? (await client.job(id));
      io.stdout(json ? `${JSON.stringify(shown)}\n` : describeJob(shown));
    });
  });
}
