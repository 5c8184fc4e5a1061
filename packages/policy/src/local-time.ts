/**
 * What the clock of a time zone shows, by Intl alone. A wall time is told as the milliseconds that the same date and
 * time would be in UTC. Decides nothing about windows.
 */

export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

/** A stretch of time in which the zone's clock runs evenly: wall time = moment + offset. `toMs` is not in it. */
export interface Stretch {
  fromMs: number;
  toMs: number;
  offsetMs: number;
}

/** No zone changes its clock and back within this. */
const PROBE_MS = DAY_MS / 2;

/** Making one is slow, and every moment asks for it. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Throws RangeError for a zone that is not known. */
function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone);
  if (known !== undefined) return known;
  const digits = '2-digit' as const;
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: timezone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
    ...{ year: 'numeric', month: digits, day: digits, hour: digits, minute: digits, second: digits },
  });
  formats.set(timezone, format);
  return format;
}

export function isTimezone(text: string): boolean {
  if (!/^[A-Za-z]/.test(text)) return false;
  try {
    formatOf(text);
    return true;
  } catch {
    return false;
  }
}

export function timezoneNames(): string[] {
  return [...Intl.supportedValuesOf('timeZone'), 'UTC'];
}

export function wallTimeAt(timezone: string, ms: number): number {
  return ms + offsetAt(timezone, ms);
}

/** What is added to a moment to have the wall time, in ms. */
export function offsetAt(timezone: string, ms: number): number {
  const second = Math.floor(ms / 1000) * 1000;
  const parts = formatOf(timezone).formatToParts(second);
  const field = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((part) => part.type === type)?.value ?? 0);
  const date = { year: field('year'), month: field('month'), day: field('day') };
  const time = (field('hour') * 60 + field('minute')) * MINUTE_MS + field('second') * 1000;
  return dayNumber(date) * DAY_MS + time - second;
}

/** Even stretches that cover the time between, in order. */
export function stretchesOf(timezone: string, fromMs: number, toMs: number): Stretch[] {
  const stretches: Stretch[] = [];
  let current: Stretch = { fromMs, toMs, offsetMs: offsetAt(timezone, fromMs) };
  for (let probe = fromMs; probe < toMs; probe += PROBE_MS) {
    const end = Math.min(probe + PROBE_MS, toMs);
    const offsetMs = offsetAt(timezone, end);
    if (offsetMs === current.offsetMs) continue;
    const change = changeBetween(timezone, probe, end);
    stretches.push({ ...current, toMs: change });
    current = { fromMs: change, toMs, offsetMs };
  }
  return [...stretches, current];
}

/** The first moment of the offset that holds at `end`. */
function changeBetween(timezone: string, start: number, end: number): number {
  const after = offsetAt(timezone, end);
  let [low, high] = [start, end];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(timezone, middle) === after) high = middle;
    else low = middle;
  }
  return high;
}

export interface CivilDate {
  year: number;
  /** 1 to 12. */
  month: number;
  /** 1 to 31. */
  day: number;
}

/** Days since 1970-01-01 in the Gregorian calendar; years start in March, so that the leap day is a year's last. */
export function dayNumber({ year, month, day }: CivilDate): number {
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}

export function dateOf(dayNumberOfDate: number): CivilDate {
  const days = dayNumberOfDate + 719_468;
  const era = Math.floor(days / 146_097);
  const inEra = days - era * 146_097;
  const yearOfEra = Math.floor(
    (inEra - Math.floor(inEra / 1460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  );
  const dayOfYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** 0 is Monday. */
export function weekdayOf(dayNumberOfDate: number): number {
  return (((dayNumberOfDate + 3) % 7) + 7) % 7;
}

/** Wall time of `2026-11-30` or `2026-11-30 09:00` (24:00 is the end of the day); undefined when there is no such. */
export function parseWallTime(text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[ T]+(\d{2}:\d{2}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const date = { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) };
  const days = dayNumber(date);
  const { year, month, day } = dateOf(days);
  const minute = parseClock(match[4] ?? '00:00');
  if (minute === undefined || year !== date.year || month !== date.month || day !== date.day) return undefined;
  return days * DAY_MS + minute * MINUTE_MS;
}

/** Minutes since midnight, 0 to 1440; undefined when it is no time of a day. */
export function parseClock(text: string): number | undefined {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text);
  const minute = Number(match?.[1]) * 60 + Number(match?.[2]);
  return match !== null && Number(match[2]) < 60 && minute <= 1440 ? minute : undefined;
}

/** The first moment at which the zone's clock shows the wall time or, when it jumps over it, what comes after. */
export function momentOf(timezone: string, wallMs: number): number {
  const stretches = stretchesOf(timezone, wallMs - 2 * DAY_MS, wallMs + 2 * DAY_MS);
  for (const { fromMs, toMs, offsetMs } of stretches)
    if (wallMs - offsetMs < toMs) return Math.max(fromMs, wallMs - offsetMs);
  return wallMs;
}

/** `2026-11-30 09:00` on the zone's clock. */
export function formatWallTime(wallMs: number): string {
  const days = Math.floor(wallMs / DAY_MS);
  const { year, month, day } = dateOf(days);
  const minute = Math.floor((wallMs - days * DAY_MS) / MINUTE_MS);
  return `${digits(year, 4)}-${digits(month)}-${digits(day)} ${formatClock(minute)}`;
}

export function formatClock(minute: number): string {
  return `${digits(Math.floor(minute / 60))}:${digits(minute % 60)}`;
}

function digits(value: number, count = 2): string {
  return String(value).padStart(count, '0');
}
