/** `shoal prewarm`: brings images onto hosts ahead of their use. */
import type { JobRequest } from '@shoal/tracker/client';
import { Command, InvalidArgumentError } from 'commander';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { momentAfter } from '../people/moments.ts';
import { checkReferences, orderJob } from '../people/order-job.ts';
import { orderMarathonApp } from '../people/order-marathon-app.ts';
import { addSelector } from '../people/selectors.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';

interface OrderFlags {
  hosts?: string[];
  percent?: number;
  at?: string;
  by?: string;
  priority?: number;
  keepUntil?: string;
  standing?: boolean;
  waves?: number[];
  goOnAt?: number;
  stopAt?: number;
  cacheOnly?: boolean;
  force?: boolean;
}

type Flags = TrackerFlags & OrderFlags & { marathonApp?: string; marathon?: string; wait: boolean; json: boolean };

export function prewarmCommand(io: Io): Command {
  const command = new Command('prewarm')
    .description('bring images onto hosts; prints the id of the job')
    .argument('[reference...]', 'images, as docker pull takes them')
    .option(
      '--hosts <selector>',
      'which: "env=prod,rack in (r1,r2),build=10.0.14393.*" or "web-*,db-1"; again for others beside them; default: all agents',
      addSelector,
    )
    .option(
      '--marathon-app <file>',
      'instead of images and hosts: an app, pod or group of Marathon, before it is deployed',
    )
    .option('--marathon <url>', 'with --marathon-app: which Marathon of tracker.yaml, where it has several')
    .option('--percent <n>', 'only so many of those hosts, the same ones each time', percent)
    .option('--at <time>', 'begin then: 22:00 or 2026-12-31T22:00')
    .option('--by <time>', 'wanted ready by then; warned at once when the bandwidth policy does not let it be')
    .option('--priority <n>', 'jobs with a higher one go first, -100 to 100', wholeNumber)
    .option('--keep-until <date>', 'hosts keep the images at least until then')
    .option('--standing', 'also for hosts that come to match later, until --keep-until or "shoal job ID cancel"')
    .option('--waves <percents>', 'a canary first: 1,10,100 is 1 % of the hosts, then up to 10 %, then all', percents)
    .option('--go-on-at <percent>', 'part of a wave that must be ready before the next one; default: 90', percent)
    .option('--stop-at <percent>', 'pause when more than this part of the hosts failed; default: 10', percent)
    .option('--cache-only', 'hosts keep the blobs and load nothing into an engine')
    .option('--force', 'also where the engine would not run the image')
    .option('--wait', 'watch until every host has ended; exit 0 only when all are ready', false);
  return addTrackerOptions(command).action(async (images: string[], given: Flags) => {
    const { wait, json, marathonApp: file, marathon, ...flags } = given;
    checkUsage(images, given);
    const { terms, tracker } = termsOf(flags, io.date());
    if (file !== undefined) await orderMarathonApp(io, { ...tracker, order: { ...terms, marathon }, file, wait, json });
    else await withTracker(io, tracker, (client) => orderJob(client, { images, ...terms, wait, json }, io));
  });
}

function checkUsage(images: readonly string[], { hosts, standing, marathonApp, marathon }: Flags): void {
  if (marathonApp === undefined) {
    if (images.length === 0) throw new CliError('WRONG_USAGE', 'give images, or --marathon-app FILE.');
    if (marathon !== undefined) throw new CliError('WRONG_USAGE', '--marathon goes with --marathon-app FILE.');
    checkReferences(images);
  } else if (images.length > 0 || hosts !== undefined || standing !== undefined)
    throw new CliError('WRONG_USAGE', '--marathon-app says which images and hosts; give none beside it.');
}

function termsOf(flags: TrackerFlags & OrderFlags, nowMs: number) {
  const { hosts, percent, at, by, priority, keepUntil, standing, waves, goOnAt, stopAt, cacheOnly, force, ...tracker } =
    flags;
  const begins = at === undefined ? undefined : momentAfter(at, nowMs);
  const terms: Omit<JobRequest, 'images'> = {
    ...{ hosts, percent, priority, standing, cacheOnly, force, at: begins },
    by: by === undefined ? undefined : momentAfter(by, begins === undefined ? nowMs : Date.parse(begins)),
    keepUntil: keepUntil === undefined ? undefined : momentAfter(keepUntil, nowMs),
    waves:
      waves || goOnAt !== undefined || stopAt !== undefined ? { percents: waves ?? [100], goOnAt, stopAt } : undefined,
  };
  return { terms, tracker };
}

function wholeNumber(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write a whole number.');
}

function percent(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 100) return value;
  throw new InvalidArgumentError('Write a whole number from 1 to 100.');
}

function percents(text: string): number[] {
  return text.split(',').map((part) => percent(part.trim()));
}
