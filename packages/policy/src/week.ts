/** A week of a host's limits: stretches of time in which they stay the same. */
import { type HostLimits, limitsOf } from './effective.ts';
import { momentOf, wallTimeAt } from './local-time.ts';
import type { PolicyHost } from './match.ts';
import type { Policy } from './policy.ts';
import { nextChange } from './schedule.ts';

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
