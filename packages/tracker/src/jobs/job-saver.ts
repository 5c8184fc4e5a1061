/**
 * Saves jobs as they move on. Decides what becomes of a save that fails, as on a full disk:
 * the tracker goes on from memory, and what is unsaved is saved with the next save that works.
 */
import type { Logger } from 'pino';
import type { JobSummary } from '../client/job-schemas.ts';
import type { JobStore } from '../store/job-store.ts';
import type { Job, JobHost } from './job.ts';

export interface JobSaver {
  state(job: Job): void;
  host(job: Job, host: JobHost): void;
  summary(job: Job, summary: JobSummary): void;
  /** Any other save that belongs to a job. */
  attempt(job: Job, save: () => void): void;
  /** A job whose row in the store is out of date. */
  unsaved(id: string): Job | undefined;
}

export function createJobSaver(store: JobStore, log: Logger): JobSaver {
  const unsaved = new Map<string, Job>();
  const catchUp = (late: Job) => {
    try {
      for (const host of late.hosts.values()) store.saveHost(late.id, host);
      store.saveState(late);
    } catch (error) {
      if (!(error as NodeJS.ErrnoException).code?.startsWith('SQLITE_CONSTRAINT')) throw error;
      // No room would help, and the others must not wait for it.
      log.error({ jobId: late.id, err: error }, 'a job cannot be saved any more');
    }
    unsaved.delete(late.id);
  };
  const attempt = (job: Job, save: () => void) => {
    try {
      for (const late of unsaved.values()) catchUp(late);
      save();
    } catch (error) {
      // Once, not with every report of every host.
      if (unsaved.size === 0) log.error({ jobId: job.id, err: error }, 'a job is not saved: free space in dataDir');
      unsaved.set(job.id, job);
    }
  };
  return {
    state: (job) => attempt(job, () => store.saveState(job)),
    host: (job, host) => attempt(job, () => store.saveHost(job.id, host)),
    summary: (job, summary) => attempt(job, () => store.saveSummary(summary)),
    attempt,
    unsaved: (id) => unsaved.get(id),
  };
}
