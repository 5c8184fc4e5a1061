/**
 * Which rules hold at a moment, and when that changes next, so that an agent can set one timer. A window holds while
 * the zone's clock shows a time in it: an hour that the clock jumps over is left out, one that it repeats holds twice.
 */
import { DAY_MS, MINUTE_MS, type Stretch, stretchesOf, wallTimeAt, weekdayOf } from './local-time.ts';
import type { Policy, Rule } from './policy.ts';
import { type Window, wallTimeInWindow } from './window.ts';

/** A weekly window begins within two weeks even when the clock jumped over it once. */
const HORIZON_MS = 16 * DAY_MS;
/** Farther than any clock was ever moved. */
const NEAR_MS = 2 * DAY_MS;

/** `atMs`: since 1970. */
export function rulesAt({ rules, timezone }: Policy, atMs: number): Rule[] {
  const wallMs = wallTimeAt(timezone, atMs);
  return rules.filter((rule) => holds(rule, wallMs));
}

function holds({ when }: Rule, wallMs: number): boolean {
  return when.length === 0 || when.some((window) => wallTimeInWindow(wallMs, window));
}

/** The next moment at which a rule starts or ends; undefined when nothing changes any more. */
export function nextChange(policy: Policy, atMs: number): number | undefined {
  const windows = policy.rules.flatMap(({ when }) => when);
  // Asking Intl is what costs: once for all weekly windows.
  const ahead = windows.some(({ kind }) => kind === 'weekly')
    ? stretchesOf(policy.timezone, atMs, atMs + HORIZON_MS)
    : [];
  const bounds = windows.flatMap((window) =>
    window.kind === 'weekly'
      ? ahead.flatMap((stretch) => [stretch.fromMs, ...weeklyBounds(window, stretch)])
      : datedBounds(window, policy.timezone, atMs),
  );
  const candidates = [...new Set(bounds)].filter((ms) => ms > atMs).sort((a, b) => a - b);
  return candidates.find((ms) => namesAt(policy, ms) !== namesAt(policy, ms - 1));
}

function namesAt(policy: Policy, atMs: number): string {
  return JSON.stringify(rulesAt(policy, atMs).map(({ name }) => name));
}

/** Moments at which the clock comes to an edge of the window, or is moved near one. */
function datedBounds(window: Window & { kind: 'dated' }, timezone: string, atMs: number): number[] {
  return [window.startMs, window.endMs].flatMap((wallMs) => {
    if (wallMs + NEAR_MS < atMs) return [];
    return stretchesOf(timezone, wallMs - NEAR_MS, wallMs + NEAR_MS).flatMap((stretch) => [
      stretch.fromMs,
      ...within(stretch, wallMs - stretch.offsetMs),
    ]);
  });
}

function weeklyBounds({ days, startMinute, endMinute }: Window & { kind: 'weekly' }, stretch: Stretch): number[] {
  const [first, last] = [stretch.fromMs, stretch.toMs].map((ms) => Math.floor((ms + stretch.offsetMs) / DAY_MS));
  const bounds: number[] = [];
  const endDays = endMinute > startMinute ? 0 : 1;
  for (let day = (first ?? 0) - 1; day <= (last ?? 0); day++) {
    if (!days.includes(weekdayOf(day))) continue;
    const midnight = day * DAY_MS - stretch.offsetMs;
    bounds.push(...within(stretch, midnight + startMinute * MINUTE_MS));
    bounds.push(...within(stretch, midnight + endDays * DAY_MS + endMinute * MINUTE_MS));
  }
  return bounds;
}

function within({ fromMs, toMs }: Stretch, ms: number): number[] {
  return ms >= fromMs && ms < toMs ? [ms] : [];
}
