/**
 * Orders the images of an app of Marathon before it is deployed, and tells how each of its jobs went. Decides the exit
 * code: 1 when any of it failed.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { JobView, MarathonPrewarm, MarathonRequest, TrackerClient } from '@shoal/tracker/client';
import { CliError, EXIT } from '../errors.ts';
import { printable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { describeJob } from '../output/job-result.ts';
import { followJob } from './follow-job.ts';
import { isReady, type OrderOptions } from './order-job.ts';
import { type TrackerFlags, withTracker } from './tracker-options.ts';

export interface MarathonOrder extends TrackerFlags, OrderOptions {
  file: string;
  order: Omit<MarathonRequest, 'app'>;
}

/** Throws CliError, TrackerApiError. */
export async function orderMarathonApp(io: Io, { file, order, wait, json, ...flags }: MarathonOrder): Promise<void> {
  const app = readApp(io, file);
  await withTracker(io, flags, async (client) => {
    const answer = await client.prewarmMarathon({ ...order, app });
    for (const line of notesOf(answer)) io.stderr(`${line}\n`);
    const jobs = wait ? await outcomes(client, answer.jobs, io) : answer.jobs;
    if (json) io.stdout(`${JSON.stringify({ ...answer, jobs })}\n`);
    else for (const job of jobs) io.stdout(wait ? describeJob(job) : `${job.id}\n`);
    const isDone = answer.failed.length === 0 && (!wait || jobs.every(isReady));
    if (!isDone) io.setExitCode(EXIT.failed);
  });
}

async function outcomes(client: TrackerClient, jobs: readonly JobView[], io: Io): Promise<JobView[]> {
  const ended: JobView[] = [];
  for (const { id } of jobs) ended.push(await followJob(client, id, io));
  return ended;
}

function readApp(io: Io, file: string): MarathonRequest['app'] {
  let text: string;
  try {
    text = readFileSync(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    throw new CliError('UNREADABLE_FILE', `${file} cannot be read (${code}); see that it exists.`, { cause });
  }
  try {
    const app: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof app === 'object' && app !== null) return app as MarathonRequest['app'];
  } catch (cause) {
    const what = (cause as Error).message;
    throw new CliError('WRONG_USAGE', `${file} is no JSON: ${what}. Give the file that Marathon gets.`, { cause });
  }
  throw new CliError('WRONG_USAGE', `${file} is no app: give a JSON object, as Marathon gets it.`);
}

/** What an operator must know beside the jobs. */
function notesOf({ jobs, skipped, failed, withoutAgent }: MarathonPrewarm): string[] {
  const errors = failed.map(({ ids, error }) => `${ids.join(', ')}: not ordered: ${error.text} (${error.code})`);
  const notes = [...skipped.map(({ id, reason }) => `${id}: nothing to fetch: ${reason}`), ...errors];
  if (jobs.length === 0 && failed.length === 0) notes.push('no job was made: there is nothing to fetch');
  if (withoutAgent.length > 0)
    notes.push(
      `warning: no agent of Shoal on these Mesos agents, nothing is fetched there: ${withoutAgent.join(', ')}`,
    );
  return notes.map(printable);
}
