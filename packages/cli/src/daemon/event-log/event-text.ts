/**
 * What of an entry of the log goes into Windows' event log: errors only, as one line of text that eventcreate.exe takes
 * as an argument and the Event Viewer shows as it is.
 */
import { eventIdOf } from './event-ids.ts';

export interface WindowsEvent {
  id: number;
  text: string;
}

export interface LoggedError extends WindowsEvent {
  /** Entries of one key are told once a while, with their number. */
  key: string;
}

/** Of pino. */
const ERROR_LEVEL = 50;
/** The log file has the rest. A command line of Windows has 32,767 characters, an event 31,839. */
export const MAX_TEXT_CHARS = 2_000;
/** What the event log has in columns of its own. */
const LEFT_OUT: ReadonlySet<string> = new Set(['time', 'pid', 'hostname']);

/** `line` is JSON as pino writes it, secrets already hidden. Undefined below the level error. */
export function readError(line: string): LoggedError | undefined {
  const { level, msg, event, code: ownCode, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  if (typeof level !== 'number' || level < ERROR_LEVEL) return undefined;
  const error = (err ?? {}) as { code?: unknown; message?: unknown };
  const [code, name] = [textOf(ownCode ?? error.code), textOf(event)];
  const said = textOf(msg) ?? name ?? 'an error';
  const facts = Object.entries({ ...rest, error: error.message }).flatMap(([key, value]) =>
    LEFT_OUT.has(key) || textOf(value) === undefined ? [] : [`${key}: ${textOf(value)}`],
  );
  const id = eventIdOf({ event: name, code });
  // A word first: a text that begins with a slash would be an option.
  const text = [`${code ?? 'error'}: ${said}`, ...facts].join(' | ');
  return { id, text: eventText(text), key: `${id} ${code ?? ''} ${said}` };
}

/**
 * One line without double quotes, which only survive a command line if both sides escape alike. The Event Viewer puts
 * other texts in the place of %1 and %%1.
 */
export function eventText(text: string, maxChars = MAX_TEXT_CHARS): string {
  const plain = text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll('"', "'")
    .replace(/%(?=[%\d!])/g, '% ');
  const short = plain.length > maxChars ? `${plain.slice(0, maxChars - 1)}…` : plain;
  return Buffer.from(short).toString(); // half a character becomes U+FFFD
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
