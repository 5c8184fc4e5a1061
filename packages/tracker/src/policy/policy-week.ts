/** The week of a host under the policy, by the hour on the policy's clock, for who draws it. Pure. */
import { type Policy, type PolicyHost, wallTimeAt, weekOf } from '@shoal/policy';
import type { PolicyWeek } from '../client/api-schemas.ts';

const HOUR_MS = 3_600_000;

export function policyWeek(policy: Policy, host: PolicyHost, nowMs: number): PolicyWeek {
  const { timezone, stretches } = weekOf(policy, host, nowMs);
  const mondayMs = wallTimeAt(timezone, stretches[0]?.fromMs ?? nowMs);
  const hour = (ms: number) => (wallTimeAt(timezone, ms) - mondayMs) / HOUR_MS;
  return {
    ...{ host: host.name, timezone, nowHour: hour(nowMs) },
    // Of an end the hour before it counts: by the clock on the wall it may lie an hour back.
    stretches: stretches.map(({ fromMs, toMs, limits }) => ({
      fromHour: hour(fromMs),
      toHour: hour(toMs - 1) + 1 / HOUR_MS,
      limits,
    })),
  };
}
