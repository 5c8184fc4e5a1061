/**
 * This host's parts of the caps that hosts share: asks the tracker for them as they are used, and knows which part
 * holds now, with a tracker or without. Decides when to ask and for how much; which answers count is decided by
 * share-holder.ts of the policy package. Does not keep the caps: the limiter does.
 */
import { createShareHolder, type SharedCap, type ShareHolder } from '@shoal/policy';
import { type AgentMessageOf, MAX_SHARE_ASKS, type TrackerMessageOf } from '@shoal/tracker/client';
import { nextDemand } from './share-demand.ts';

export interface ShareClient {
  /** Those that hold now. The others are not asked for; what is held of them stays known. */
  setCaps(caps: readonly SharedCap[]): void;
  /** After each welcome: asks at once. */
  connected(): void;
  answered(message: TrackerMessageOf<'shares'>): void;
  /** Bytes that this cap counted. */
  noteUse(cap: SharedCap, bytes: number): void;
  /** Something waits for this very cap, and for no lesser limit. May be said as often as it is so. */
  wants(cap: SharedCap): void;
  /**
   * 0 to 1, 0 before the tracker was heard of; undefined when the cap is not for this host. Falls when a lease ends
   * without any call: look again after at most a few hundred milliseconds.
   */
  shareOf(cap: SharedCap, nowMs: number): number | undefined;
  stop(): void;
}

export interface ShareClientDeps {
  /** Random, made once a process. */
  run: string;
  /** May lose the message. */
  send(message: AgentMessageOf<'shares'>): void;
  /** Monotonic milliseconds, the same that `shareOf` is asked with. */
  now(): number;
  /** Returns how to call it off. */
  after(delayMs: number, run: () => void): () => void;
  /** A part has changed by an answer. It must be kept to when this returns: the next ask says that it is. */
  onChange(): void;
}

export const ASK_MS = 500;
/** Nothing is wanted; asking then lets offline parts shrink when other hosts come. */
export const IDLE_ASK_MS = 5000;
/** So many asks at the fast pace until what was no longer wanted is known to be given back. */
const RELEASE_ASKS = 3;

interface Held {
  cap: SharedCap;
  holder: ShareHolder;
  /** What was asked for last, offline part included. */
  demand: number;
  bytes: number;
  waited: boolean;
  askedMs: number;
  /** Asks in a row without any use. */
  idleAsks: number;
}

export function createShareClient({ run, send, now, after, onChange }: ShareClientDeps): ShareClient {
  // Never forgotten: a holder that counted from 1 again would not be understood.
  const known = new Map<string, Held>();
  let current: Held[] = [];
  let hasZone = true;
  let cancel: (() => void) | undefined;
  let cancelSoon: (() => void) | undefined;

  const heldOf = (cap: SharedCap): Held => {
    const key = keyOf(cap);
    let held = known.get(key);
    if (held === undefined) {
      const state = { demand: 0, bytes: 0, waited: false, askedMs: Number.NEGATIVE_INFINITY, idleAsks: 0 };
      held = { cap, holder: createShareHolder(''), ...state };
      known.set(key, held);
    }
    return held;
  };

  const isFor = ({ per }: SharedCap): boolean => per !== 'zone' || hasZone;

  const ask = (isDue: (held: Held, nowMs: number) => boolean): void => {
    const nowMs = now();
    const asks = current.filter((held) => isDue(held, nowMs)).map((held) => askOf(held, nowMs));
    for (let at = 0; at < asks.length; at += MAX_SHARE_ASKS)
      send({ type: 'shares', run, asks: asks.slice(at, at + MAX_SHARE_ASKS) });
  };

  const tick = (): void => {
    cancel = current.length === 0 ? undefined : after(ASK_MS, tick);
    ask(isDueByPace);
  };

  /** All that begins to want something in one turn goes in one message. */
  const askSoon = (): void => {
    cancelSoon ??= after(0, () => {
      cancelSoon = undefined;
      ask((held) => held.demand === 0 && wantsSomething(held));
    });
  };

  const began = (held: Held): void => {
    if (held.demand === 0 && isFor(held.cap)) askSoon();
  };

  return {
    setCaps(caps) {
      current = caps.map((cap) => Object.assign(heldOf(cap), { cap }));
      ask(({ askedMs }) => askedMs === Number.NEGATIVE_INFINITY);
      if (current.length > 0) cancel ??= after(ASK_MS, tick);
    },
    connected: () => ask(() => true),
    answered({ answers, noZone }) {
      const nowMs = now();
      let isChanged = hasZone === (noZone === true);
      hasZone = noZone !== true;
      for (const { rule, per, key, ...answer } of answers) {
        const holder = known.get(keyOf({ rule, per, key }))?.holder;
        const before = holder?.part(nowMs);
        holder?.answer(answer);
        isChanged ||= holder?.part(nowMs) !== before;
      }
      if (isChanged) onChange();
    },
    noteUse(cap, bytes) {
      const held = heldOf(cap);
      held.bytes += bytes;
      began(held);
    },
    wants(cap) {
      const held = heldOf(cap);
      held.waited = true;
      began(held);
    },
    shareOf: (cap, nowMs) => (isFor(cap) ? (known.get(keyOf(cap))?.holder.part(nowMs) ?? 0) : undefined),
    stop() {
      cancel?.();
      cancelSoon?.();
      current = [];
    },
  };
}

function isDueByPace(held: Held, nowMs: number): boolean {
  const isFast = held.demand > 0 || wantsSomething(held) || held.idleAsks < RELEASE_ASKS;
  return isFast || nowMs - held.askedMs >= IDLE_ASK_MS;
}

function wantsSomething({ bytes, waited }: Held): boolean {
  return waited || bytes > 0;
}

/** Measures from here on anew. */
function askOf(held: Held, nowMs: number): AgentMessageOf<'shares'>['asks'][number] {
  const { cap, holder, bytes, waited } = held;
  // After a pause the bytes are of the last moment: as much as in the usual interval.
  const elapsedMs = Math.min(Math.max(1, nowMs - held.askedMs), ASK_MS);
  const used = bytes === 0 ? 0 : bytes / ((cap.bytesPerSecond * elapsedMs) / 1000);
  const wasIdle = held.idleAsks > 0;
  const demand = nextDemand({ used, part: holder.part(nowMs), before: held.demand, waited, wasIdle });
  const idleAsks = wantsSomething(held) ? 0 : held.idleAsks + 1;
  Object.assign(held, { demand, bytes: 0, waited: false, askedMs: nowMs, idleAsks });
  const offline = holder.part(Number.POSITIVE_INFINITY);
  const { member: _, ...ask } = holder.ask(Math.max(0, demand - offline), nowMs);
  const { rule, per, key } = cap;
  return { rule, per, key, ...ask };
}

function keyOf({ rule, per, key }: Pick<SharedCap, 'rule' | 'per' | 'key'>): string {
  return `${per} ${key} ${rule}`;
}
