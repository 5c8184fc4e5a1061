/**
 * How a preheat stands, in the words that Harbor's drivers accept. Pure.
 * Both drivers end their task as failed on any other state, and on one poll that fails: there is always an answer.
 */
import type { JobHostView, JobView } from '../client/job-schemas.ts';
import type { Preheat, PreheatState } from '../store/preheat-store.ts';

export interface PreheatTask {
  hostname: string;
  ip: string;
  /** Why it is not there, when it is not. */
  description?: string;
}

export interface PreheatOutcome {
  id: number;
  url: string;
  createdAtMs: number;
  updatedAtMs: number;
  state: PreheatState;
  error: string;
  results: { clusterId: number; ready: PreheatTask[]; missing: PreheatTask[] }[];
}

export interface PreheatFacts {
  /** Harbor will wait no longer: it is told what is there, and the rest goes on. */
  isLate: boolean;
  nowMs: number;
  addressOf(peerId: string): string;
  clusterOf(peerId: string): number;
}

const MAX_NAMED = 20;
/** What Harbor calls the only cluster of a site. */
export const DEFAULT_CLUSTER = 1;
const STILL_ON_ITS_WAY = 'still distributing';
const NO_SEEDER = 'no seeder is online to read the image; start one, and the reading goes on';

/** Of an order for hosts. */
export function outcomeOfJob(preheat: Preheat, job: JobView, facts: PreheatFacts): PreheatOutcome {
  const state = stateOfJob(job, facts.isLate);
  const updatedAtMs = job.finishedAt === undefined ? facts.nowMs : Date.parse(job.finishedAt);
  return {
    ...head(preheat),
    updatedAtMs,
    state,
    error: state === 'FAILURE' ? failureOf(job) : '',
    results: state === 'PENDING' ? [] : resultsOf(job, facts),
  };
}

/** Of an order for seeders. */
export function outcomeOfSeeders(
  preheat: Preheat,
  seeders: readonly (PreheatTask & { holds: boolean })[],
  { isLate, nowMs }: Pick<PreheatFacts, 'isLate' | 'nowMs'>,
): PreheatOutcome {
  const isOpen = preheat.state === 'PENDING';
  const same = { ...head(preheat), updatedAtMs: isOpen ? nowMs : preheat.updatedAtMs, error: preheat.error };
  if (isOpen && !isLate) return { ...same, state: 'PENDING', results: [] };
  if (isOpen && seeders.length === 0) return { ...same, state: 'FAILURE', error: NO_SEEDER, results: [] };
  if (preheat.state === 'FAILURE') return { ...same, state: 'FAILURE', results: [] };
  const tasks = seeders.map(({ hostname, ip, holds }) => ({ holds, task: { hostname, ip } }));
  const ready = isOpen ? [] : tasks.filter(({ holds }) => holds).map(({ task }) => task);
  const missing = isOpen ? tasks.map(({ task }) => ({ ...task, description: STILL_ON_ITS_WAY })) : [];
  return {
    ...same,
    state: 'SUCCESS',
    results: [{ clusterId: preheat.clusters[0] ?? DEFAULT_CLUSTER, ready, missing }],
  };
}

/** Of a number that is none of ours, or whose job is gone. */
export function outcomeOfNobody(id: number, nowMs: number): PreheatOutcome {
  const error = `the tracker knows no preheat ${id}; start the policy again`;
  return { id, url: '', createdAtMs: nowMs, updatedAtMs: nowMs, state: 'FAILURE', error, results: [] };
}

/** Dragonfly's API as Harbor >= 2.12 reads it. */
export function jobAnswer({ id, url, createdAtMs, updatedAtMs, state, error, results }: PreheatOutcome) {
  const tasks = (of: readonly PreheatTask[]) => of.map((task) => ({ url, ...task }));
  const result = {
    job_states: [
      {
        error,
        results: results.map(({ clusterId, ready, missing }) => ({
          scheduler_cluster_id: clusterId,
          success_tasks: tasks(ready),
          failure_tasks: tasks(missing),
        })),
      },
    ],
  };
  return {
    id,
    created_at: new Date(createdAtMs).toISOString(),
    updated_at: new Date(updatedAtMs).toISOString(),
    state,
    result: state === 'PENDING' ? null : result,
  };
}

const V1_STATES = { PENDING: 'RUNNING', SUCCESS: 'SUCCESS', FAILURE: 'FAILED' } as const;

/** The same for Harbor 2.1 to 2.11. It shows no hosts: what is missing stands in the text. */
export function preheatAnswer({ id, createdAtMs, updatedAtMs, state, error, results }: PreheatOutcome) {
  const missing = results.flatMap((one) =>
    one.missing.map(({ hostname, description }) => `${hostname}: ${description}`),
  );
  return {
    ID: String(id),
    startTime: new Date(createdAtMs).toISOString(),
    finishTime: state === 'PENDING' ? '' : new Date(updatedAtMs).toISOString(),
    errorMsg: error || listed(missing),
    Status: V1_STATES[state],
  };
}

function head({ id, url, createdAtMs }: Preheat): Pick<PreheatOutcome, 'id' | 'url' | 'createdAtMs'> {
  return { id, url, createdAtMs };
}

function stateOfJob({ state, hosts }: JobView, isLate: boolean): PreheatState {
  const isOver = ['done', 'standing', 'failed', 'cancelled'].includes(state);
  if (!isOver) return isLate ? 'SUCCESS' : 'PENDING';
  if (state === 'cancelled' || state === 'failed') return 'FAILURE';
  return hosts.some((host) => host.state === 'failed') ? 'FAILURE' : 'SUCCESS';
}

function failureOf({ id, state, hosts }: JobView): string {
  if (state === 'cancelled') return `job ${id} was cancelled`;
  const failed = hosts.filter((host) => host.state === 'failed');
  const texts = failed.map(({ name, error }) => `${name}: ${error?.text ?? 'failed'}`);
  return `job ${id}: ${failed.length} of ${hosts.length} hosts failed: ${listed(texts)}`;
}

function listed(texts: readonly string[]): string {
  const more = texts.length > MAX_NAMED ? `; and ${texts.length - MAX_NAMED} more` : '';
  return `${texts.slice(0, MAX_NAMED).join('; ')}${more}`;
}

function resultsOf({ hosts }: JobView, facts: PreheatFacts): PreheatOutcome['results'] {
  const results = new Map<number, PreheatOutcome['results'][number]>();
  for (const host of hosts) {
    const clusterId = facts.clusterOf(host.peerId);
    const result = results.get(clusterId) ?? { clusterId, ready: [], missing: [] };
    results.set(clusterId, result);
    const task = { hostname: host.name, ip: facts.addressOf(host.peerId) };
    if (host.state === 'ready') result.ready.push(task);
    else result.missing.push({ ...task, description: whyMissing(host) });
  }
  return [...results.values()].sort((a, b) => a.clusterId - b.clusterId);
}

function whyMissing({ state, online, error }: JobHostView): string {
  if (state === 'failed') return error?.text ?? 'failed';
  return online ? `${STILL_ON_ITS_WAY} (${state})` : `${STILL_ON_ITS_WAY} (offline)`;
}
