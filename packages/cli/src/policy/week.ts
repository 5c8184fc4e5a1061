/** The table of a week of a host's limits. Pure. */
import { CLASSES, formatWallTime, type Week, wallTimeAt } from '@shoal/policy';
import { formatTable } from '../output/format.ts';
import { rateText } from './describe-limits.ts';

const DAY_MS = 86_400_000;
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

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
