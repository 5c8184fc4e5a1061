/**
 * Follows a job until it ends, over as many connections as it takes. Decides when a lost tracker is given up.
 */
import { isSettled, type JobView, TrackerApiError, type TrackerClient } from '@shoal/tracker/client';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { createJobProgress, type JobProgress } from '../output/job-progress.ts';

const RETRY_MS = 2000;
/** About a minute in a row without an answer. */
const MAX_FAILURES = 30;

/** Returns the job's last view. Throws TrackerApiError, CliError INTERRUPTED; the job itself goes on then. */
export async function followJob(client: TrackerClient, id: string, io: Io): Promise<JobView> {
  const abort = new AbortController();
  const release = io.onStopSignal(() => abort.abort());
  const progress = createJobProgress(io);
  try {
    return await follow({ client, id, io, progress, signal: abort.signal });
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    throw new CliError('INTERRUPTED', `stopped watching; the job goes on. "shoal job ${id} --watch" watches it again.`);
  } finally {
    progress.stop();
    release();
  }
}

interface Following {
  client: TrackerClient;
  id: string;
  io: Io;
  progress: JobProgress;
  signal: AbortSignal;
}

async function follow({ client, id, io, progress, signal }: Following): Promise<JobView> {
  for (let failures = 0; ; ) {
    try {
      for await (const view of client.watchJob(id, { signal })) {
        failures = 0;
        progress.show(view);
        if (isSettled(view.state)) return view;
      }
      failures++;
    } catch (error) {
      const lost = error instanceof TrackerApiError && error.retryable && !signal.aborted;
      if (!lost || ++failures > MAX_FAILURES) throw error;
      if (failures === 1) progress.note('the tracker does not answer; the job goes on, trying again');
    }
    await io.delay(RETRY_MS, signal);
    signal.throwIfAborted();
  }
}
