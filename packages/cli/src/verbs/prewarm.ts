/** `shoal prewarm`: brings images onto hosts ahead of their use. */
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { checkReferences, orderJob } from '../people/order-job.ts';
import { orderMarathonApp } from '../people/order-marathon-app.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

interface Flags extends TrackerFlags {
  hosts?: string[];
  marathonApp?: string;
  marathon?: string;
  wait: boolean;
  json: boolean;
}

export function prewarmCommand(io: Io): Command {
  const command = new Command('prewarm')
    .description('bring images onto hosts; prints the id of the job')
    .argument('[reference...]', 'images, as docker pull takes them')
    .option('--hosts <globs>', 'names of hosts, with * and ?, separated by commas; default: all agents', addGlobs)
    .option(
      '--marathon-app <file>',
      'instead of images: an app, pod or group of Marathon, before it is deployed; - is stdin',
    )
    .option('--marathon <url>', 'with --marathon-app: which Marathon of tracker.yaml, where it has several')
    .option('--wait', 'watch until every host has ended; exit 0 only when all are ready', false);
  return addTrackerOptions(command).action(
    async (images: string[], { hosts, wait, json, marathonApp, marathon, ...flags }: Flags) => {
      checkUsage(images, { hosts, marathonApp, marathon });
      if (marathonApp !== undefined) {
        await orderMarathonApp(io, { ...flags, file: marathonApp, marathon, wait, json });
        return;
      }
      await withTracker(io, flags, (client) => orderJob(client, { images, hosts, wait, json }, io));
    },
  );
}

function checkUsage(images: readonly string[], given: Pick<Flags, 'hosts' | 'marathonApp' | 'marathon'>): void {
  const { hosts, marathonApp, marathon } = given;
  if (marathonApp === undefined) {
    if (images.length === 0) throw new CliError('WRONG_USAGE', 'give images, or --marathon-app FILE.');
    if (marathon !== undefined) throw new CliError('WRONG_USAGE', '--marathon goes with --marathon-app FILE.');
    checkReferences(images);
  } else if (images.length > 0 || hosts !== undefined)
    throw new CliError('WRONG_USAGE', '--marathon-app says which images and hosts; give no others beside it.');
}

function addGlobs(text: string, before: string[] = []): string[] {
  const globs = text.split(',').map((glob) => glob.trim());
  if (globs.includes('')) throw new CliError('WRONG_USAGE', `--hosts "${text}" has an empty name; write web-*,db-1.`);
  return [...before, ...globs];
}
