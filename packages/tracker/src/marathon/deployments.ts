/**
 * What deploys on one Marathon, one after the other: read, judged, pre-warmed, each version of an app once.
 * Decides what is worth a job: new images, and more instances than run. Where the news come from is the watcher's.
 */
import type { Logger } from 'pino';
import { backoffMs } from '../client/backoff.ts';
import type { Clock } from '../clock.ts';
import type { Action } from './marathon-events.ts';
import type { OpenSite, PrewarmDesk } from './prewarm-desk.ts';
import { readApp, readPod, type Workload } from './workloads.ts';

export interface Deployments {
  /** Where Marathon was reached last. */
  base: string;
  /** All there is now. `isLate`: what has new images was deployed while nobody listened. */
  learn(workloads: readonly Workload[], isLate: boolean): void;
  /** A definition was posted; it deploys next. */
  posted(workload: Workload): void;
  add(actions: readonly Action[]): void;
  stop(): Promise<void>;
}

export interface DeploymentsDeps {
  open: OpenSite;
  desk: PrewarmDesk;
  clock: Clock;
  random: () => number;
  log: Logger;
}

interface Item {
  id: string;
  kind: Workload['kind'];
  /** `changed`: its images are new. */
  verb: Action['verb'] | 'changed';
  /** When Marathon has told it already. */
  workload?: Workload;
  tries: number;
}

interface Known {
  images: string;
  /** The version that was pre-warmed last. */
  warmed?: string;
}

interface Desk extends DeploymentsDeps {
  base: string;
  known: Map<string, Known>;
  /** By key: news of one app while it waits are one. */
  queue: Map<string, Item>;
  later: Set<() => void>;
  working: Promise<void> | undefined;
  isStopped: boolean;
}

const MAX_TRIES = 5;
const BACKOFF = { firstMs: 4000, maxMs: 60_000 };

export function createDeployments(deps: DeploymentsDeps): Deployments {
  const desk: Desk = {
    ...{ ...deps, base: deps.open.site.url, working: undefined, isStopped: false },
    ...{ known: new Map(), queue: new Map(), later: new Set() },
  };
  const changed = (workload: Workload) => {
    const key = keyOf(workload);
    const before = desk.known.get(key);
    desk.known.set(key, { ...before, images: imagesOf(workload) });
    return before?.images !== imagesOf(workload);
  };
  const news = (workload: Workload) => {
    const { id, kind } = workload;
    enqueue(desk, { id, kind, verb: 'changed', workload, tries: 0 });
  };
  return {
    get base() {
      return desk.base;
    },
    set base(base) {
      desk.base = base;
    },
    learn: (workloads, isLate) => {
      const fresh = workloads.filter(changed);
      if (isLate) fresh.forEach(news);
      const there = new Set(workloads.map(keyOf));
      for (const key of desk.known.keys()) if (!there.has(key)) desk.known.delete(key);
    },
    posted: (workload) => {
      if (changed(workload)) news(workload);
    },
    add: (actions) => {
      for (const action of actions) enqueue(desk, { ...action, tries: 0 });
    },
    stop: async () => {
      desk.isStopped = true;
      for (const cancel of desk.later) cancel();
      desk.queue.clear();
      await desk.working;
    },
  };
}

const keyOf = ({ kind, id }: Pick<Workload, 'kind' | 'id'>): string => `${kind} ${id}`;
const imagesOf = ({ images }: Workload): string => images.join(' ');

function enqueue(desk: Desk, item: Item): void {
  if (desk.isStopped) return;
  // That it starts or changes says more than that it is scaled.
  if (item.verb !== 'scale' || !desk.queue.has(keyOf(item))) desk.queue.set(keyOf(item), item);
  desk.working ??= work(desk);
}

async function work(desk: Desk): Promise<void> {
  for (const [key, item] of desk.queue) {
    desk.queue.delete(key);
    await consider(desk, item).catch((error: Error & { retryable?: boolean }) => failed(desk, item, error));
    if (desk.isStopped) return;
  }
  desk.working = undefined;
}

async function consider(desk: Desk, item: Item): Promise<void> {
  const { open, log } = desk;
  const workload = item.workload ?? (await read(desk, item));
  if (workload === undefined || !isMeant(workload, open.site.only)) return;
  const { id, images, instances, running, version } = workload;
  if (item.verb === 'scale' && running !== undefined && instances <= running) return;
  const known = { ...desk.known.get(keyOf(item)), images: imagesOf(workload) };
  const warmed = version ?? known.images;
  if (known.warmed === warmed) return;
  const { jobs, failed: parts, withoutAgent } = await desk.desk.prewarm([workload], open);
  desk.known.set(keyOf(item), { ...known, warmed });
  if (jobs.length === 0) return;
  const jobIds = jobs.map((job) => job.id);
  const facts = {
    marathon: open.site.url,
    jobIds,
    hosts: jobs[0]?.hosts.length,
    hostsWithoutAgent: withoutAgent.length,
  };
  log.info({ ...facts, failed: parts.length, foreign: { id, images } }, 'a deployment of Marathon is pre-warmed');
}

function isMeant({ labels }: Workload, only: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(only).every(([name, text]) => labels[name] === text);
}

/** Undefined when it is gone. */
async function read({ open: { client }, base }: Desk, { id, kind, verb }: Item): Promise<Workload | undefined> {
  const path = id.split('/').filter(Boolean).map(encodeURIComponent).join('/');
  if (kind === 'app') {
    const answer = (await client.json(base, `/v2/apps/${path}`)) as { app?: unknown } | undefined;
    return answer && readApp(answer.app);
  }
  const pod = await client.json(base, `/v2/pods/${path}`);
  if (pod === undefined) return undefined;
  if (verb !== 'scale') return readPod(pod);
  // A pod itself does not say how many run.
  const status = (await client.json(base, `/v2/pods/${path}::status`)) as { instances?: unknown } | undefined;
  return { ...readPod(pod), running: Array.isArray(status?.instances) ? status.instances.length : undefined };
}

function failed(desk: Desk, item: Item, error: Error & { retryable?: boolean }): void {
  if (desk.isStopped) return;
  const { log, clock, open, random } = desk;
  const facts = { marathon: open.site.url, foreign: { id: item.id, error: error.message } };
  if (error.retryable !== true || item.tries + 1 >= MAX_TRIES) {
    const text = 'a deployment of Marathon is not pre-warmed; "shoal prewarm --marathon-app FILE" orders it by hand';
    log.warn(facts, text);
    return;
  }
  log.debug(facts, 'a deployment of Marathon is tried again');
  const cancel = clock.after(backoffMs(item.tries, BACKOFF, random), () => {
    desk.later.delete(cancel);
    enqueue(desk, { ...item, tries: item.tries + 1 });
  });
  desk.later.add(cancel);
}
