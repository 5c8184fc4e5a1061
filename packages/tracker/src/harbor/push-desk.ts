/**
 * Pushes from event to order: matched, taken note of on disk, ordered a moment later, tried again while the registry
 * is away. Decides what is the same push, when to try again and when to give up.
 */
import { formatReference, OciError, parseReference, type Reference } from '@shoal/oci';
import { RegistryError } from '@shoal/registry';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { HookView } from '../client/api-schemas.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { rememberingSource } from '../resolve/remembering-source.ts';
import type { OpenSource } from '../resolve/resolve-images.ts';
import type { Push, PushStore } from '../store/push-store.ts';
import type { AheadBlob } from '../swarms/ahead.ts';
import { blobsAhead } from './blobs-ahead.ts';
import type { Fleet } from './fleet.ts';
import type { HarborOptions } from './options.ts';
import type { PushEvent } from './push-events.ts';
import { matchesRule, orderOf, type PushRule, stillToCome } from './push-rules.ts';

export interface PushDesk {
  /** Takes note of what the rules order for these events, and returns how many orders that is. Throws when it cannot. */
  received(events: readonly PushEvent[], rules: readonly PushRule[]): number;
  /** Newest first. */
  list(): HookView[];
  /** After a start: goes on with what is not ordered yet. */
  resume(): void;
  stop(): void;
}

export interface PushDeps {
  store: PushStore;
  jobs: Pick<Jobs, 'create' | 'view'>;
  fleet: Fleet;
  openSource: OpenSource;
  knownDocument(digest: string): Buffer | undefined;
  readAhead(blob: AheadBlob): Promise<void>;
  /** The configured registry that an event's address means. */
  registryOf: HarborOptions['registryOf'];
  clock: Clock;
  log: Logger;
}

/** What is told of one tag within it becomes one order. */
export const SETTLE_MS = 2_000;
const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 5 * 60_000;
/** About a day, counted and not read from a clock that jumps: nobody wants last week's image tonight. */
const MAX_ATTEMPTS = 290;
/** Of what trying again is not known to help: a tag that is told of may be readable only a little later. */
const MAX_HOPELESS_ATTEMPTS = 4;
const MOST_AT_ONCE = 4;
const MAX_WAITING = 10_000;
const MAX_LISTED = 200;

interface Desk {
  deps: PushDeps;
  /** What is still to be ordered, by reference and rule. */
  waiting: Map<string, Push>;
  timers: Map<string, () => void>;
  working: Set<string>;
  limit: ReturnType<typeof pLimit>;
}

export function createPushDesk(deps: PushDeps): PushDesk {
  const desk: Desk = { deps, waiting: new Map(), timers: new Map(), working: new Set(), limit: pLimit(MOST_AT_ONCE) };
  return {
    received: (events, rules) => {
      let orders = 0;
      for (const event of events) for (const rule of rules) if (receive(desk, event, rule)) orders++;
      return orders;
    },
    list: () => deps.store.latest(MAX_LISTED).map(viewOf),
    resume: () => {
      for (const push of deps.store.waiting()) {
        desk.waiting.set(keyOf(push), push);
        plan(desk, push, Math.min((push.nextAtMs ?? 0) - deps.clock.now(), MAX_RETRY_MS));
      }
    },
    stop: () => {
      desk.limit.clearQueue();
      for (const cancel of desk.timers.values()) cancel();
      desk.timers.clear();
      desk.waiting.clear();
    },
  };
}

/** False when the rule is not for it. */
function receive(desk: Desk, event: PushEvent, rule: PushRule): boolean {
  const { registryOf, clock, log, store } = desk.deps;
  const registry = registryOf(event.address);
  if (!matchesRule(rule, registry ?? event.address, event)) return false;
  const reference = nameOf(registry ?? event.address, event);
  const { name = rule.match } = rule;
  const known = desk.waiting.get(keyOf({ reference, rule: name })) ?? store.get(reference, name);
  if (known && isRepeated(desk, known, event)) return true;
  const nowMs = clock.now();
  const push: Push = {
    ...{ reference, rule: name, digest: event.digest, request: orderOf(rule.prewarm, nowMs) },
    ...{ state: 'waiting', attempts: 0, receivedAtMs: nowMs, updatedAtMs: nowMs, nextAtMs: nowMs + SETTLE_MS },
    ...{ orderedDigest: known?.orderedDigest ?? null, jobId: known?.jobId ?? null, error: null },
  };
  if (registry === undefined) {
    const error = new TrackerError('UNKNOWN_REGISTRY', event.address);
    log.error({ foreign: reference, rule: name }, error.message);
    store.save({ ...push, state: 'failed', nextAtMs: null, error: error.message });
    return true;
  }
  if (!desk.waiting.has(keyOf(push)) && desk.waiting.size >= MAX_WAITING) throw new TrackerError('TOO_MANY_PUSHES');
  store.save(push); // before the answer: a restart must not lose it
  desk.waiting.set(keyOf(push), push);
  log.info({ foreign: reference, digest: event.digest, rule: name }, 'a push matches a rule');
  plan(desk, push, SETTLE_MS);
  return true;
}

/** The same image under the same tag, and its order still stands. */
function isRepeated(desk: Desk, push: Push, { digest }: PushEvent): boolean {
  if (push.state === 'waiting') return digest === push.digest;
  const isKnown = digest !== '' && (digest === push.digest || digest === push.orderedDigest);
  return push.state === 'ordered' && isKnown && stands(desk, push.jobId);
}

function stands({ deps }: Desk, jobId: string | null): boolean {
  if (jobId === null) return false;
  try {
    const { state } = deps.jobs.view(jobId);
    return state !== 'failed' && state !== 'cancelled';
  } catch {
    return false; // it is known no more
  }
}

function plan(desk: Desk, push: Push, delayMs: number): void {
  const key = keyOf(push);
  if (desk.timers.has(key) || desk.working.has(key)) return; // it will look at the newest
  const run = () => {
    desk.timers.delete(key);
    void desk.limit(() => work(desk, key));
  };
  desk.timers.set(key, desk.deps.clock.after(Math.max(delayMs, 0), run));
}

async function work(desk: Desk, key: string): Promise<void> {
  const push = desk.waiting.get(key);
  if (!push) return;
  desk.working.add(key);
  let outcome: Push;
  try {
    outcome = await order(desk, push);
  } catch (error) {
    outcome = afterFailure(desk, push, error);
  }
  desk.working.delete(key);
  const newer = desk.waiting.get(key);
  if (!newer) return; // stopped
  // A later push came in between: what was ordered for the earlier one is known, and the rest is still to do.
  if (newer !== push) {
    const merged = { ...newer, orderedDigest: outcome.orderedDigest, jobId: outcome.jobId };
    settle(desk, merged, SETTLE_MS);
  } else settle(desk, outcome, (outcome.nextAtMs ?? 0) - desk.deps.clock.now());
}

function settle(desk: Desk, push: Push, delayMs: number): void {
  const { store, log, clock } = desk.deps;
  const key = keyOf(push);
  try {
    store.save({ ...push, updatedAtMs: clock.now() });
  } catch (error) {
    log.error({ foreign: push.reference, err: error }, 'a push is not saved: free space in dataDir');
  }
  if (push.state !== 'waiting') return void desk.waiting.delete(key);
  desk.waiting.set(key, push);
  plan(desk, push, delayMs);
}

async function order(desk: Desk, push: Push): Promise<Push> {
  const { openSource, jobs, clock, log } = desk.deps;
  const reference = parseReference(push.reference);
  const source = rememberingSource(await openSource(reference.registry));
  const { digest } = await source.resolve(reference);
  const ordered: Push = { ...push, state: 'ordered', nextAtMs: null, orderedDigest: digest, error: null };
  if (digest === push.orderedDigest && stands(desk, push.jobId)) return ordered;
  const request = { images: [push.reference], ...stillToCome(push.request, clock.now()) };
  const { id } = await jobs.create(request, async () => source);
  log.info({ foreign: push.reference, digest, rule: push.rule, jobId: id }, 'a push is ordered');
  void hashAhead(desk, { reference, source, request, jobId: id });
  return { ...ordered, jobId: id };
}

/** The job does without it if need be: its first host then waits. */
async function hashAhead(
  { deps }: Desk,
  of: { reference: Reference; source: ReturnType<typeof rememberingSource>; request: Push['request']; jobId: string },
): Promise<void> {
  const { reference, source, request, jobId } = of;
  const { fleet, knownDocument, readAhead, log } = deps;
  try {
    const platforms = fleet.select(request.hosts).map(({ platform }) => platform);
    const blobs = await blobsAhead(reference, { source, platforms, knownDocument });
    await Promise.all(blobs.map((one) => readAhead({ source: one, jobId })));
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === 'STOPPING') return;
    log.warn({ jobId, code, foreign: message }, 'a pushed image could not be hashed ahead');
  }
}

function afterFailure({ deps }: Desk, push: Push, error: unknown): Push {
  const { clock, log } = deps;
  const { code, message } = error as Error & { code?: string };
  const attempts = push.attempts + 1;
  const nowMs = clock.now();
  const about = { foreign: push.reference, rule: push.rule, code, untrusted: message, attempts };
  if (!mayHelp(error, attempts)) {
    log.error(about, 'a push is not ordered; correct it and push again, or order it with shoal prewarm');
    return { ...push, state: 'failed', attempts, nextAtMs: null, error: message };
  }
  const delayMs = Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), MAX_RETRY_MS);
  log.warn({ ...about, delayMs }, 'a push cannot be ordered now and is tried again');
  return { ...push, attempts, nextAtMs: nowMs + delayMs, error: message };
}

/** Whether trying again may help: what is wrong with the order itself stays wrong. */
function mayHelp(error: unknown, attempts: number): boolean {
  if (attempts >= MAX_ATTEMPTS || error instanceof OciError) return false;
  if (error instanceof TrackerError) return error.retryable;
  if (!(error instanceof RegistryError)) return true; // as of a full disk
  return error.retryable || error.code === 'UNAUTHORIZED' || attempts < MAX_HOPELESS_ATTEMPTS;
}

function nameOf(registry: string, { repository, tag, digest }: PushEvent): string {
  const suffix = tag === undefined ? `@${digest}` : `:${tag}`;
  try {
    return formatReference(parseReference(`${registry}/${repository}${suffix}`));
  } catch {
    return `${registry}/${repository}${suffix}`; // of no use but to be shown
  }
}

function keyOf({ reference, rule }: Pick<Push, 'reference' | 'rule'>): string {
  return `${reference} ${rule}`;
}

function viewOf({ receivedAtMs, nextAtMs, updatedAtMs, ...push }: Push): HookView {
  const { reference, rule, digest, state, attempts, jobId, error } = push;
  return {
    ...{ reference, rule, digest, state, attempts, receivedAt: new Date(receivedAtMs).toISOString() },
    updatedAt: new Date(updatedAtMs).toISOString(),
    ...(nextAtMs !== null && { nextAttemptAt: new Date(nextAtMs).toISOString() }),
    ...(jobId !== null && { jobId }),
    ...(error !== null && { error }),
  };
}
