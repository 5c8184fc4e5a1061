/** `shoal prewarm`: brings images onto hosts ahead of their use. */
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { checkReferences, orderJob } from '../people/order-job.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

type Flags = TrackerFlags & { hosts?: string[]; wait: boolean; json: boolean };

export function prewarmCommand(io: Io): Command {
  const command = new Command('prewarm')
    .description('bring images onto hosts; prints the id of the job')
    .argument('<reference...>', 'images, as docker pull takes them')
    .option('--hosts <globs>', 'names of hosts, with * and ?, separated by commas; default: all agents', addGlobs)
    .option('--wait', 'watch until every host has ended; exit 0 only when all are ready', false);
  return addTrackerOptions(command).action(async (images: string[], { hosts, wait, json, ...flags }: Flags) => {
    checkReferences(images);
    await withTracker(io, flags, (client) => orderJob(client, { images, hosts, wait, json }, io));
  });
}

function addGlobs(text: string, before: string[] = []): string[] {
  const globs = text.split(',').map((glob) => glob.trim());
  if (globs.includes('')) throw new CliError('WRONG_USAGE', `--hosts "${text}" has an empty name; write web-*,db-1.`);
  return [...before, ...globs];
}
