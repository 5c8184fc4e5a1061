/** Times as people write them on the command line: `22:00`, `2026-12-31`, `2026-12-31T22:00`. Pure. */
import { InvalidArgumentError } from 'commander';

/**
 * ISO 8601 in UTC. `HH:MM` is the next such time after `afterMs` on this machine's clock; a date or a time without a
 * zone is this machine's as well.
 */
export function momentAfter(text: string, afterMs: number): string {
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  if (hour !== undefined && Number(hour) < 24 && Number(minute) < 60) {
    const next = new Date(afterMs);
    next.setHours(Number(hour), Number(minute), 0, 0);
    if (next.getTime() <= afterMs) next.setDate(next.getDate() + 1);
    return next.toISOString();
  }
  // A date alone would be taken for UTC.
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text.includes('T') ? text : `${text}T00:00`) : Number.NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError('Write 22:00, 2026-12-31 or 2026-12-31T22:00.');
  return new Date(at).toISOString();
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3600_000, d: 24 * 3600_000 };
/** What a timer takes. */
const MAX_MS = 2 ** 31 - 1;

/** Milliseconds. */
export function parseDuration(text: string): number {
  const [, count, unit = ''] = /^(\d+)\s*([smhd])$/.exec(text.trim()) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw new InvalidArgumentError('Write a time such as 90s, 30m or 2h, at most 24d.');
}
