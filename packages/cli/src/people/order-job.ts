/**
 * Orders a job and tells how it went: what `prewarm` and `pull` share. Decides the exit code: done is success, also
 * where everything was there already.
 */
import { OciError, parseReference } from '@shoal/oci';
import type { JobRequest, JobView, TrackerClient } from '@shoal/tracker/client';
import { CliError, EXIT } from '../errors.ts';
import { printable } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { describeJob } from '../output/job-result.ts';
import { followJob } from './follow-job.ts';

export interface OrderOptions {
  wait: boolean;
  json: boolean;
}

export async function orderJob(client: TrackerClient, order: JobRequest & OrderOptions, io: Io): Promise<void> {
  const { wait, json, ...request } = order;
  const created = await client.createJob(request);
  if (!wait) {
    io.stdout(json ? `${JSON.stringify(created)}\n` : `${created.id}\n`);
    if (!json) {
      if (created.warning !== undefined) io.stderr(`warning: ${printable(created.warning)}\n`);
      io.stderr(`${created.hosts.length} hosts; "shoal job ${created.id} --watch" shows how it goes\n`);
    }
    return;
  }
  printOutcome(await followJob(client, created.id, io), json, io);
}

/** The exit code says whether every host is ready; a standing order may still wait for more of them. */
export function printOutcome(view: JobView, json: boolean, io: Io): void {
  io.stdout(json ? `${JSON.stringify(view)}\n` : describeJob(view));
  if (!isReady(view)) io.setExitCode(EXIT.failed);
}

export function isReady({ counts, state }: JobView): boolean {
  return counts.ready === counts.hosts && state !== 'cancelled';
}

/** Throws CliError WRONG_USAGE before anything is asked of the tracker. */
export function checkReferences(references: readonly string[]): void {
  for (const reference of references) {
    try {
      parseReference(reference);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      throw new CliError('WRONG_USAGE', `${error.message}. Write it as docker pull takes it: HOST/NAME:TAG.`);
    }
  }
}
