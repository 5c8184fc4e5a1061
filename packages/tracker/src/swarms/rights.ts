/**
 * What the swarms ask of the jobs, and tell them.
 */
import type { JobClass, SeedSource } from '../client/session-messages.ts';
import type { SessionError } from '../client/shapes.ts';

/** What a host may read in a job, and where a seeder finds it. */
export interface BlobRight {
  size: number;
  source: SeedSource;
  /** What the host wants it for. */
  class: JobClass;
}

export interface JobsForSwarms {
  /** Undefined when the host has no right to the blob through this job. */
  rightOf(jobId: string, peerId: string, digest: string): BlobRight | undefined;
  /** Whether any open job of the host names the blob. */
  mayRead(peerId: string, digest: string): boolean;
  addOrigin(jobId: string, bytes: number): void;
  /** These hosts cannot have the blob; without a list none can. */
  blobFailed(digest: string, error: SessionError, peerIds?: readonly string[]): void;
  /** What people see of the blob may have changed. */
  blobChanged(digest: string): void;
}
