/** A week of a host's limits: stretches of time in which they stay the same, and their table. Pure. */
import {
  CLASSES,
  formatWallTime,
  type HostLimits,
  limitsOf,
  momentOf,
  nextChange,
  type Policy,
  type PolicyHost,
  wallTimeAt,
} from '@shoal/policy';
import { formatTable } from '../output/format.ts';
import { rateText } from './describe-limits.ts';

/** Stable; what `shoal policy explain --week --json` prints. */
export interface WeekStretch {
  fromMs: number;
  /** Not in it. */
  toMs: number;
  limits: HostLimits['host'];
}

export interface Week {
  host: string;
  timezone: string;
  stretches: WeekStretch[];
}

const DAY_MS = 86_400_000;
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** From Monday to Monday, on the policy's clock, around the moment. */
export function weekOf(policy: Policy, host: PolicyHost, atMs: number): Week {
  const { timezone } = policy;
  const wallMs = wallTimeAt(timezone, atMs);
  // 1970-01-01 was a Thursday.
  const monday = (Math.floor((wallMs / DAY_MS + 3) / 7) * 7 - 3) * DAY_MS;
  const endMs = momentOf(timezone, monday + 7 * DAY_MS);
  const stretches: WeekStretch[] = [];
  for (let fromMs = momentOf(timezone, monday); fromMs < endMs; ) {
    const toMs = Math.min(endMs, nextChange(policy, fromMs) ?? endMs);
    const limits = limitsOf(policy, host, fromMs).host;
    const last = stretches.at(-1);
    if (last !== undefined && JSON.stringify(last.limits) === JSON.stringify(limits)) last.toMs = toMs;
    else stretches.push({ fromMs, toMs, limits });
    fromMs = toMs;
  }
  return { host: host.name, timezone, stretches };
}

/** Download / upload of each class. */
export function describeWeek({ host, timezone, stretches }: Week): string {
  const rows = stretches.map(({ fromMs, toMs, limits }) => [
    dayText(timezone, fromMs),
    dayText(timezone, toMs),
    ...CLASSES.map((name) => `${rateText(limits[name].download)} / ${rateText(limits[name].upload)}`),
  ]);
  const head = ['FROM', 'TO', ...CLASSES.map((name) => name.toUpperCase())];
  return `${host}, download / upload, ${timezone}\n${formatTable(head, rows)}`;
}

/** `Mon 2026-11-30 08:00`. */
function dayText(timezone: string, ms: number): string {
  const wallMs = wallTimeAt(timezone, ms);
  return `${dayNameOf(wallMs)} ${formatWallTime(wallMs)}`;
}

export function dayNameOf(wallMs: number): string {
  return DAYS[(Math.floor(wallMs / DAY_MS) + 3) % 7] ?? '';
}
