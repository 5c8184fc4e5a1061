/**
 * Follows the event stream of one Marathon, over reconnects and changes of its leader, and hands what deploys to the
 * deployments. Decides when to connect again and what of it an operator hears: a cause once, not each retry.
 */
import type { Logger } from 'pino';
import { backoffMs } from '../client/backoff.ts';
import { createSseParser } from '../client/sse-parser.ts';
import type { Clock } from '../clock.ts';
import { createDeployments, type Deployments } from './deployments.ts';
import { EVENT_TYPES, readDeployments, readEvent } from './marathon-events.ts';
import type { OpenSite, PrewarmDesk } from './prewarm-desk.ts';
import { readAll } from './workloads.ts';

export interface WatcherDeps {
  open: OpenSite;
  desk: PrewarmDesk;
  clock: Clock;
  random: () => number;
  log: Logger;
}

export interface Watcher {
  start(): void;
  stop(): Promise<void>;
}

const BACKOFF = { firstMs: 1000, maxMs: 60_000 };
/** Marathon sends a blank line every few seconds. */
const SILENCE_MS = 60_000;
/** A connection that lasted this long was a good one. */
const STEADY_MS = 10_000;
/** Heavy plans carry every app twice. */
const MAX_EVENT_CHARS = 16 * 1024 * 1024;

const QUERY = [...EVENT_TYPES.map((type) => `event_type=${type}`), 'plan-format=light'].join('&');
const EVENTS_PATH = `/v2/events?${QUERY}`;

interface Watch extends WatcherDeps {
  deployments: Deployments;
  abort: AbortController;
  /** Where the last stream came from. */
  leader: string | undefined;
  /** Whether it was connected before: what happened meanwhile counts. */
  wasConnected: boolean;
  isUnderstood: boolean;
  trouble: { text: string; sinceMs: number } | undefined;
}

export function createWatcher(deps: WatcherDeps): Watcher {
  const watch: Watch = {
    ...deps,
    deployments: createDeployments(deps),
    abort: new AbortController(),
    ...{ leader: undefined, wasConnected: false, isUnderstood: true, trouble: undefined },
  };
  let running: Promise<void> | undefined;
  return {
    start: () => {
      running = run(watch);
    },
    stop: async () => {
      watch.abort.abort(new Error('the tracker stops'));
      await Promise.all([running, watch.deployments.stop()]);
    },
  };
}

async function run(watch: Watch): Promise<void> {
  const { clock, random, abort } = watch;
  for (let failures = 0; !abort.signal.aborted; ) {
    const startedMs = clock.uptime();
    const reason = await follow(watch, failures).catch((error: Error) => error.message);
    if (abort.signal.aborted) return;
    failures = clock.uptime() - startedMs >= STEADY_MS ? 0 : failures + 1;
    const waiting = pause(clock, backoffMs(failures, BACKOFF, random), abort.signal);
    tellTrouble(watch, reason);
    await waiting;
  }
}

/** Until the stream ends; returns why it did. Throws when there is none. */
async function follow(watch: Watch, failures: number): Promise<string> {
  const { open, clock } = watch;
  const gone = new AbortController();
  const signal = AbortSignal.any([watch.abort.signal, gone.signal]);
  const { base, chunks } = await openStream(watch, failures, signal);
  const silent = () => gone.abort(new Error(`nothing came for ${SILENCE_MS / 1000} s`));
  let stopWaiting = clock.after(SILENCE_MS, silent);
  try {
    tellConnected(watch, base);
    await readAgain(watch, base);
    const parser = createSseParser(MAX_EVENT_CHARS);
    for await (const chunk of chunks) {
      stopWaiting();
      stopWaiting = clock.after(SILENCE_MS, silent);
      for (const event of parser.push(chunk)) take(watch, event);
    }
    return `${open.site.url}: the stream of events ended`;
  } catch (error) {
    return `${open.site.url}: the stream of events broke off: ${(gone.signal.reason ?? error).message}`;
  } finally {
    stopWaiting();
    gone.abort();
  }
}

/** By turns where the operator says and where the leader was last: either may be down alone. */
async function openStream(watch: Watch, failures: number, signal: AbortSignal) {
  const { site, client } = watch.open;
  const first = failures % 2 === 1 && watch.leader !== undefined ? watch.leader : site.url;
  try {
    return await client.events(first, EVENTS_PATH, signal);
  } catch (error) {
    // One that does not lead may say who does instead of leading there.
    const leader = await leaderSaid(watch).catch(() => undefined);
    if (leader === undefined || leader === first) throw error;
    return await client.events(leader, EVENTS_PATH, signal).catch(() => {
      throw error;
    });
  }
}

async function leaderSaid({ open: { site, client } }: Watch): Promise<string | undefined> {
  const answer = (await client.json(site.url, '/v2/leader')) as { leader?: unknown } | undefined;
  if (typeof answer?.leader !== 'string' || !/^[\w.-]+(:\d+)?$/.test(answer.leader)) return undefined;
  return `${new URL(site.url).protocol}//${answer.leader}`;
}

/** The stream tells nothing of what was before it. */
async function readAgain(watch: Watch, base: string): Promise<void> {
  const { open, deployments, log } = watch;
  deployments.base = base;
  try {
    const [apps, pods] = [await open.client.json(base, '/v2/apps'), await open.client.json(base, '/v2/pods')];
    deployments.learn(readAll(apps, pods), watch.wasConnected);
    deployments.add(readDeployments(await open.client.json(base, '/v2/deployments')));
    watch.wasConnected = true;
  } catch (error) {
    if (watch.abort.signal.aborted) return;
    const text = 'the apps and deployments of Marathon cannot be read; only what is deployed from now on is pre-warmed';
    log.warn({ marathon: open.site.url, foreign: (error as Error).message }, text);
  }
}

function take(watch: Watch, raw: { event: string; data: string }): void {
  try {
    const event = readEvent(raw);
    if (event?.type === 'posted') watch.deployments.posted(event.workload);
    else if (event) watch.deployments.add(event.actions);
  } catch (error) {
    const { log, open, isUnderstood } = watch;
    const facts = { marathon: open.site.url, event: raw.event, foreign: (error as Error).message.slice(0, 500) };
    // A stream of nonsense is told once.
    if (isUnderstood) log.warn(facts, 'an event of Marathon is not understood and left out; later ones at level debug');
    else log.debug(facts, 'an event of Marathon is not understood');
    watch.isUnderstood = false;
  }
}

function tellConnected(watch: Watch, base: string): void {
  const { log, open, clock, trouble } = watch;
  const awayMs = trouble && Math.round(clock.uptime() - trouble.sinceMs);
  log.info({ marathon: open.site.url, leader: base, awayMs }, 'following the deployments of Marathon');
  Object.assign(watch, { leader: base, trouble: undefined, isUnderstood: true });
}

function tellTrouble(watch: Watch, text: string): void {
  const { log, open, clock, trouble } = watch;
  watch.trouble = { text, sinceMs: trouble?.sinceMs ?? clock.uptime() };
  const facts = { marathon: open.site.url, foreign: text };
  if (trouble?.text === text) log.debug(facts, 'Marathon is still not followed');
  else
    log.warn(facts, 'Marathon is not followed: its deployments are not pre-warmed until it is reached; trying again');
}

/** Ends early when aborted. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
