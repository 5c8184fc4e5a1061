/**
 * The windows of `when`: `mon-fri 08:00-22:00`, `daily 22:00-06:00`, `sat,sun`, `2026-11-10 00:00 to 2026-11-12 06:00`.
 * Decides what such a text means and whether two of them overlap. Does not know which moment it is.
 */
import { DAY_MS, MINUTE_MS, parseClock, parseWallTime, weekdayOf } from './local-time.ts';

export const DAY_NAMES: readonly string[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

export type Window =
  /** From `startMinute` of each of the days; an end at or before the start is on the day after. */
  | { kind: 'weekly'; days: readonly number[]; startMinute: number; endMinute: number; text: string }
  /** Wall times as in local-time.ts; the end is not in it. */
  | { kind: 'dated'; startMs: number; endMs: number; text: string };

export const WINDOW_FORMS =
  '"mon-fri 08:00-22:00", "daily 22:00-06:00", "sat,sun" or "2026-11-10 00:00 to 2026-11-12 06:00"';

const WEEK_MINUTES = 7 * 1440;

/** What is wrong with the text ends the sentence "… is wrong: ". */
export function parseWindow(source: string): Window | { wrong: string } {
  const text = source.trim().replace(/\s+/g, ' ');
  return /^\d{4}-/.test(text) ? parseDated(text) : parseWeekly(text);
}

function parseDated(text: string): Window | { wrong: string } {
  const bounds = text.split(' to ');
  const [start = '', end = ''] = bounds;
  const form = /^\d{4}-\d\d-\d\d \d\d:\d\d$/;
  if (bounds.length !== 2 || !form.test(start) || !form.test(end))
    return { wrong: `"${text}" is no window; write dates with times, such as "2026-11-10 00:00 to 2026-11-12 06:00"` };
  const [startMs, endMs] = [parseWallTime(start), parseWallTime(end)];
  const missing = startMs === undefined ? start : end;
  if (startMs === undefined || endMs === undefined) return { wrong: `there is no "${missing}" in the calendar` };
  if (endMs < startMs) return { wrong: `"${text}" ends before it starts; exchange the two` };
  if (endMs === startMs) return { wrong: `"${text}" ends as it starts; give a later end` };
  return { kind: 'dated', startMs, endMs, text };
}

function parseWeekly(text: string): Window | { wrong: string } {
  const timeAt = text.search(/\d/);
  const daysText = (timeAt < 0 ? text : text.slice(0, timeAt)).trim();
  const days = parseDays(daysText === '' && timeAt >= 0 ? 'daily' : daysText);
  if ('wrong' in days) return days;
  if (timeAt < 0) return { kind: 'weekly', days: days.days, startMinute: 0, endMinute: 1440, text };
  const [start, end, ...rest] = text
    .slice(timeAt)
    .split('-')
    .map((clock) => parseClock(clock.trim()));
  if (rest.length > 0) return { wrong: `"${text}" is no window; write ${WINDOW_FORMS}` };
  if (start === undefined || end === undefined || start === 1440)
    return { wrong: `"${text}" has no such times; write 24 hours a day, such as 08:00-22:00, at the latest 24:00` };
  if (start === end)
    return { wrong: `"${text}" ends as it starts; for the whole day write 00:00-24:00 or leave the time out` };
  return { kind: 'weekly', days: days.days, startMinute: start, endMinute: end, text };
}

/** `mon-fri,sun`; a range may run over the end of the week. */
function parseDays(text: string): { days: number[] } | { wrong: string } {
  const days: number[] = [];
  if (text.toLowerCase() === 'daily') return { days: [0, 1, 2, 3, 4, 5, 6] };
  for (const part of text.split(',')) {
    const bounds = part.split('-').map((name) => dayOf(name));
    const [first, last = first] = bounds;
    if (bounds.length > 2 || first === undefined || last === undefined || bounds.includes(undefined))
      return { wrong: `"${part.trim()}" is no day; write a window such as ${WINDOW_FORMS}` };
    for (let day = first; ; day = (day + 1) % 7) {
      if (days.includes(day)) return { wrong: `${DAY_NAMES[day]} is named twice in "${text}"; name each day once` };
      days.push(day);
      if (day === last) break;
    }
  }
  return { days: days.sort((a, b) => a - b) };
}

function dayOf(name: string): number | undefined {
  const index = DAY_NAMES.indexOf(name.trim().toLowerCase());
  return index < 0 ? undefined : index;
}

/** Of the same kind and with time in common. A dated window and a weekly one may meet: both are meant. */
export function windowsOverlap(a: Window, b: Window): boolean {
  if (a.kind === 'dated') return b.kind === 'dated' && a.startMs < b.endMs && b.startMs < a.endMs;
  if (b.kind === 'dated') return false;
  const spans = spansOf(b);
  return spansOf(a).some(([start, end]) => spans.some(([from, to]) => start < to && from < end));
}

/** Minutes of the week, cut at its end. */
function spansOf(window: Window & { kind: 'weekly' }): [number, number][] {
  return window.days.flatMap((day): [number, number][] => {
    const start = day * 1440 + window.startMinute;
    const end = start + lengthOf(window);
    return end <= WEEK_MINUTES
      ? [[start, end]]
      : [
          [start, WEEK_MINUTES],
          [0, end - WEEK_MINUTES],
        ];
  });
}

function lengthOf({ startMinute, endMinute }: Window & { kind: 'weekly' }): number {
  return endMinute > startMinute ? endMinute - startMinute : endMinute + 1440 - startMinute;
}

/** Whether the clock on the wall stands in the window; over midnight it belongs to the day it starts. */
export function wallTimeInWindow(wallMs: number, window: Window): boolean {
  if (window.kind === 'dated') return wallMs >= window.startMs && wallMs < window.endMs;
  const day = Math.floor(wallMs / DAY_MS);
  const minute = (wallMs - day * DAY_MS) / MINUTE_MS;
  const today = weekdayOf(day);
  const yesterday = (today + 6) % 7;
  const { days, startMinute, endMinute } = window;
  if (endMinute > startMinute) return days.includes(today) && minute >= startMinute && minute < endMinute;
  return (days.includes(today) && minute >= startMinute) || (days.includes(yesterday) && minute < endMinute);
}
