/**
 * Rules of tracker.yaml for pushes: which push a rule is for, and what it orders. Pure but for the time zone.
 */
import { globMatches } from '@shoal/policy';
import type { JobRequest } from '../client/job-schemas.ts';
import type { PushEvent } from './push-events.ts';

export interface PushRule {
  /** `repository:tag` as a glob, the registry in front of it or not; `repository@sha256:*` for pushes by digest. */
  match: string;
  /** Default: its `match`. */
  name?: string;
  prewarm: RuleOrder;
}

/** A job's request as a rule says it: times of day instead of instants. */
export interface RuleOrder {
  hosts?: string[];
  /** HH:MM of the tracker's own clock. */
  at?: string;
  by?: string;
  keepForMs?: number;
  percent?: number;
  priority?: number;
  standing?: boolean;
  cacheOnly?: boolean;
  force?: boolean;
}

/** What a job's request has beside its images. */
export type OrderFields = Omit<JobRequest, 'images'> &
  Omit<RuleOrder, 'keepForMs'> & {
    /** ISO 8601. */
    keepUntil?: string;
  };

export function matchesRule({ match }: PushRule, registry: string, event: PushEvent): boolean {
  const name = `${event.repository}${event.tag === undefined ? `@${event.digest}` : `:${event.tag}`}`;
  const pattern = /[:@][^/]*$/.test(match) ? match : `${match}:*`;
  if (pattern.includes('@') !== (event.tag === undefined)) return false;
  return globMatches(pattern, name) || globMatches(pattern, `${registry}/${name}`);
}

/** The times that are meant, seen from the moment of the push. */
export function orderOf({ at, by, keepForMs, ...same }: RuleOrder, nowMs: number): OrderFields {
  const atMs = at === undefined ? undefined : nextTimeOfDay(at, nowMs);
  const byMs = by === undefined ? undefined : nextTimeOfDay(by, atMs ?? nowMs);
  return {
    ...same,
    ...(atMs !== undefined && { at: new Date(atMs).toISOString() }),
    ...(byMs !== undefined && { by: new Date(byMs).toISOString() }),
    ...(keepForMs !== undefined && { keepUntil: new Date((atMs ?? nowMs) + keepForMs).toISOString() }),
  };
}

/** An order that had to wait for the registry: a time that has passed meanwhile means now, and no deadline. */
export function stillToCome({ at, by, ...order }: OrderFields, nowMs: number): OrderFields {
  const isAhead = (instant: string | undefined) => instant !== undefined && Date.parse(instant) > nowMs;
  return { ...order, ...(isAhead(at) && { at }), ...(isAhead(by) && { by }) };
}

/** The next moment at which a clock on this machine shows `HH:MM`; one that a change of the clock skips is shifted. */
export function nextTimeOfDay(time: string, afterMs: number): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const day = new Date(afterMs);
  const on = (days: number) =>
    new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, hours, minutes).getTime();
  return on(0) > afterMs ? on(0) : on(1);
}
