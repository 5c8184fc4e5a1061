/**
 * Why a blob must stay in the cache now, in words for operators. Reads only; what is worth keeping for later is not
 * asked here.
 */
import type { Digest } from '@shoal/oci';
import type { JobRunner } from '../job/job-runner.ts';
import type { Pulls } from '../proxy/pulls.ts';
import type { Seeding } from '../session/seeding.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { Swarms } from '../swarm/swarms.ts';

export interface NeedsParts {
  store: Pick<BlobStore, 'get'>;
  jobs: Pick<JobRunner, 'jobOf'>;
  pulls: Pick<Pulls, 'running'>;
  seeding: Pick<Seeding, 'isReading'>;
  swarms: Pick<Swarms, 'isFetching' | 'runnerOf'>;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** A client that only stays connected, as foreign ones may for ever, needs nothing. */
const SERVED_MS = 600_000;

/**
 * Undefined: nobody needs it now. A job needs its blobs until the tracker closes it, also when this host is ready: the
 * others fetch them from here.
 */
export function needsOf({
  store,
  jobs,
  pulls,
  seeding,
  swarms,
  nowMs,
}: NeedsParts): (digest: Digest) => string | undefined {
  return (digest) => {
    const jobId = jobs.jobOf(digest);
    if (jobId !== undefined) return `job ${jobId} is open`;
    if (pulls.running().some((pull) => pull.digest === digest)) return 'it is being pulled';
    if (swarms.isFetching(digest)) return 'it is being fetched';
    if (seeding.isReading(digest)) return 'it is being read from its registry';
    const isServed = nowMs() - (store.get(digest)?.lastUsedMs ?? 0) < SERVED_MS;
    const links = isServed ? (swarms.runnerOf(digest)?.connectionCount ?? 0) : 0;
    if (links > 0) return `${links} ${links === 1 ? 'host is' : 'hosts are'} connected for it`;
    return store.get(digest)?.inUse ? 'a client of the proxy is sent it' : undefined;
  };
}
