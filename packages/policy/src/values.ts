/**
 * The single values of a policy file: rates, shares of a link, durations, globs, address ranges, windows. Decides what
 * each may be and says what to write instead. Does not know where in the file it stands.
 */
import { type AddressRange, covers, firstOf, parseRange } from './address.ts';
import { isTimezone, timezoneNames } from './local-time.ts';
import { type Cap, CLASSES, type TrafficClass } from './policy.ts';
import { parseRate, RateError } from './rate.ts';
import { similarName } from './similar.ts';
import { parseWindow, WINDOW_FORMS, type Window, windowsOverlap } from './window.ts';

/** Tells what is wrong, as the end of "<key> …"; `index` is of an item in a list. */
export type Refuse = (text: string, index?: number) => undefined;

const MAX_TEXT_CHARS = 253;
const REACT_MS = { least: 100, most: 60_000 };

/** Bytes a second; `0` freezes. */
export function readRate(value: unknown, refuse: Refuse): number | undefined {
  if (value === 0) return 0;
  if (typeof value === 'string' && value.includes('%'))
    return refuse(`is wrong: ${shown(value)} is a part of a link, and only per: host has one; write a rate`);
  if (typeof value !== 'string')
    return refuse(`is wrong: ${shown(value)} is not a rate; write a unit, such as "200 Mbit/s" or "60 MB/s", or 0`);
  if (/\d\s*[kmg]?i?b(it)?ps$|\d\s*[kMGKg]i?b\/s$/i.test(value) && !/[a-z]*B\/s$/.test(value))
    return refuse(`is wrong: ${shown(value)} may be bits or bytes; write "Mbit/s" for bits or "MB/s" for bytes`);
  try {
    const rate = parseRate(value);
    if (rate === Number.POSITIVE_INFINITY) return refuse('is wrong: "unlimited" limits nothing; remove the key');
    return rate;
  } catch (error) {
    if (!(error instanceof RateError)) throw error;
    return refuse(`is wrong: ${error.message.replace(/, or "unlimited"$/, ', or 0')}`);
  }
}

/** A rate, or a part of the link. */
export function readCap(value: unknown, refuse: Refuse): Cap | undefined {
  if (typeof value === 'string' && value.includes('%')) {
    const ofLink = readShare(value, refuse);
    return ofLink === undefined ? undefined : { ofLink };
  }
  const bytesPerSecond = readRate(value, refuse);
  return bytesPerSecond === undefined ? undefined : { bytesPerSecond };
}

function readShare(value: unknown, refuse: Refuse): number | undefined {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim()) : null;
  if (match === null) return refuse(`is wrong: ${shown(value)} is not a percentage such as 40%`);
  const percent = Number(match[1]);
  if (percent > 100) return refuse(`is wrong: ${shown(value)} is more than the whole link; write at most 100%`);
  return percent / 100;
}

/** A fraction of the link above 0 and below 1. */
export function readKeepFree(value: unknown, refuse: Refuse): number | undefined {
  const share = readShare(value, refuse);
  if (share === 0) return refuse('is wrong: 0% keeps nothing free; write a percentage above 0, or remove the rule');
  if (share === 1) return refuse('is wrong: 100% leaves nothing; to freeze, write a limit of 0 instead');
  return share;
}

/** Milliseconds. */
export function readReactWithin(value: unknown, refuse: Refuse): number | undefined {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s)$/.exec(value.trim()) : null;
  if (match === null) return refuse(`is wrong: ${shown(value)} is not a duration such as "250 ms" or "1 s"`);
  const ms = Number(match[1]) * (match[2] === 's' ? 1000 : 1);
  if (ms < REACT_MS.least || ms > REACT_MS.most)
    return refuse(`is wrong: ${shown(value)} is out of range; write 100 ms to 60 s`);
  return ms;
}

export function readVersion(value: unknown, refuse: Refuse): 1 | undefined {
  return value === 1 ? 1 : refuse(`is wrong: ${shown(value)} is not a version this program knows; write version: 1`);
}

export function readTimezone(value: unknown, refuse: Refuse): string | undefined {
  if (typeof value === 'string' && isTimezone(value)) return value;
  const similar = typeof value === 'string' ? similarName(value.replaceAll(' ', '_'), timezoneNames()) : undefined;
  const hint = similar === undefined ? 'write an IANA name such as Asia/Shanghai, or UTC' : `did you mean ${similar}?`;
  return refuse(`is wrong: ${shown(value)} is not a time zone; ${hint}`);
}

export function readName(value: unknown, refuse: Refuse): string | undefined {
  if (isText(value)) return value;
  return refuse(`is wrong: ${shown(value)} is not a name; write a text of at most ${MAX_TEXT_CHARS} characters`);
}

export function readClasses(value: unknown, refuse: Refuse): TrafficClass[] | undefined {
  return readMany(value, refuse, (item, refuseItem) => {
    const known = CLASSES.find((name) => name === item);
    const similar = typeof item === 'string' ? similarName(item, CLASSES) : undefined;
    const hint = similar === undefined ? `write ${CLASSES.join(', ')}` : `did you mean ${similar}?`;
    return known ?? refuseItem(`is wrong: ${shown(item)} is not a class; ${hint}`);
  });
}

/** Host names and label values; `*` and `?` are wild. */
export function readGlobs(value: unknown, refuse: Refuse): string[] | undefined {
  return readMany(value, refuse, (item, refuseItem) => {
    if (isText(item)) return item;
    return refuseItem(`is wrong: ${shown(item)} is not a text; put quotes around it`);
  });
}

export function readAddresses(value: unknown, refuse: Refuse): AddressRange[] | undefined {
  const ranges = readMany(value, refuse, (item, refuseItem) => {
    const range = typeof item === 'string' ? parseRange(item) : undefined;
    if (range === undefined)
      return refuseItem(`is wrong: ${shown(item)} is not an address range such as 10.20.0.0/16 or fd00::/8`);
    if (firstOf(range) === range.value) return range;
    return refuseItem(`is wrong: ${shown(item)} has bits behind /${range.prefix}; give the range's first address`);
  });
  return refuseMet(ranges, refuse, (a, b) =>
    covers(a, b) || covers(b, a) ? `is wrong: ${b.text} and ${a.text} overlap; keep the larger one` : undefined,
  );
}

export function readWindows(value: unknown, refuse: Refuse): Window[] | undefined {
  const windows = readMany(value, refuse, (item, refuseItem) => {
    if (typeof item !== 'string') return refuseItem(`is wrong: ${shown(item)} is no window; write ${WINDOW_FORMS}`);
    const window = parseWindow(item);
    return 'wrong' in window ? refuseItem(`is wrong: ${window.wrong}`) : window;
  });
  return refuseMet(windows, refuse, (a, b) =>
    windowsOverlap(a, b) ? `is wrong: "${b.text}" and "${a.text}" overlap; make one window of them` : undefined,
  );
}

/** One or a list of them, each once. */
function readMany<T>(
  value: unknown,
  refuse: Refuse,
  read: (item: unknown, refuse: Refuse) => T | undefined,
): T[] | undefined {
  if (!Array.isArray(value)) {
    const one = read(value, refuse);
    return one === undefined ? undefined : [one];
  }
  if (value.length === 0) return refuse('is wrong: an empty list matches nothing; give an item, or remove the key');
  const items = value.map((item, index) => {
    if (value.indexOf(item) < index) return refuse(`is wrong: ${shown(item)} is in the list twice`, index);
    return read(item, (text) => refuse(text, index));
  });
  return items.includes(undefined) ? undefined : (items as T[]);
}

/** Refuses an item that does not go with one before it. */
function refuseMet<T>(
  items: T[] | undefined,
  refuse: Refuse,
  fault: (earlier: T, later: T) => string | undefined,
): T[] | undefined {
  for (const [index, later] of (items ?? []).entries())
    for (const earlier of (items ?? []).slice(0, index)) {
      const text = fault(earlier, later);
      if (text !== undefined) return refuse(text, index);
    }
  return items;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT_CHARS && /^[^\p{Cc}]+$/u.test(value);
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
