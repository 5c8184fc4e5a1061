/**
 * The kinds of keys a config file has, as zod schemas with what people must know of each: one description that help,
 * docs table and sample show. Decides what a single value may be. Does not know which keys there are.
 */
import type { CacheBudget } from '@shoal/agent';
import { parseRate, RateError } from '@shoal/policy';
import { z } from 'zod';

export type LeafKind = 'text' | 'number' | 'boolean' | 'rate' | 'map' | 'file' | 'folder' | 'list';

export interface LeafMeta {
  kind: LeafKind | 'section';
  description: string;
  /** Ends the sentence "3 is not …". */
  expects: string;
  /** The texts there are, where not every text will do. */
  values?: readonly string[];
  /** Never printed. No flag either: a command line is seen by all accounts of a machine. */
  secret?: boolean;
  /** Printed in the sample where there is no default. */
  sample?: unknown;
  /** Whether it is printed in the sample as a setting, not as a comment. Default: when it is required. */
  inSample?: boolean;
  /** Said of a default that other values decide. */
  defaultText?: string;
}

export const leafMeta = z.registry<LeafMeta>();

type Extra = Pick<LeafMeta, 'sample' | 'inSample' | 'defaultText' | 'secret'>;

const MAX_TEXT_CHARS = 4096;
const filled = () => z.string().min(1).max(MAX_TEXT_CHARS);

export function text(description: string, extra: Extra & { pattern?: RegExp } = {}) {
  const { pattern = /^[^\p{Cc}]+$/u, ...rest } = extra;
  return filled()
    .regex(pattern)
    .register(leafMeta, { kind: 'text', description, expects: 'a text (put it in quotes)', ...rest });
}

/** A host to listen on or to be found at: no port, no scheme. */
export function hostName(description: string, extra: Extra = {}) {
  const expects = 'a host name or an address, without scheme or port';
  return z
    .string()
    .regex(/^[A-Za-z0-9._:%-]{1,253}$/)
    .register(leafMeta, { kind: 'text', description, expects, ...extra });
}

export function httpUrl(description: string, extra: Extra = {}) {
  const expects = 'an address such as https://shoal.example.com:7600, without login or query';
  return filled()
    .refine(isPlainHttpUrl)
    .register(leafMeta, { kind: 'text', description, expects, ...extra });
}

/** An existing file to read: `file`; a folder, made when it is missing: `folder`. */
export function path(kind: 'file' | 'folder', description: string, extra: Extra = {}) {
  return filled().register(leafMeta, { kind, description, expects: `the path of a ${kind}`, ...extra });
}

export function port(description: string, extra: Extra = {}) {
  const expects = 'a port, a whole number from 0 (any free one) to 65535';
  return z
    .int()
    .min(0)
    .max(65_535)
    .register(leafMeta, { kind: 'number', description, expects, ...extra });
}

export function wholeNumber(description: string, { min, max, ...extra }: Extra & { min: number; max: number }) {
  const expects = `a whole number from ${min} to ${max}`;
  return z
    .int()
    .min(min)
    .max(max)
    .register(leafMeta, { kind: 'number', description, expects, ...extra });
}

/** HH:MM, of 24 hours. */
export function timeOfDay(description: string, extra: Extra = {}) {
  const expects = 'a time of day such as "22:00" (in quotes)';
  return z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
    .register(leafMeta, { kind: 'text', description, expects, ...extra });
}

export function flag(description: string, extra: Extra = {}) {
  return z.boolean().register(leafMeta, { kind: 'boolean', description, expects: 'true or false', ...extra });
}

export function choice<const T extends readonly string[]>(values: T, description: string) {
  const expects = `one of ${values.join(', ')}`;
  return z.enum(values).register(leafMeta, { kind: 'text', description, expects, values });
}

/** Bytes per second; `Infinity` for `unlimited`. */
export function rate(description: string, extra: Extra = {}) {
  const expects = 'a rate such as "60 MB/s", "200 Mbit/s" or "unlimited"';
  return z
    .unknown()
    .transform(toRate)
    .register(leafMeta, { kind: 'rate', description, expects, ...extra });
}

const DURATION = /^(\d{1,6})\s*(s|min|h|d)$/;
const UNIT_MS: Record<string, number> = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** NaN of what is none. */
function msOf(text: string): number {
  if (text === '0') return 0;
  const [, count, unit = ''] = DURATION.exec(text) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? Number.NaN);
}

/** Milliseconds; `least` is how short it may be, as it is written. */
export function duration(description: string, { least = '0', ...extra }: Extra & { least?: string } = {}) {
  const leastMs = msOf(least);
  const expects = `a duration such as "30 s", "10 min", "4 h" or "2 d"${least === '0' ? ', or 0' : `, of ${least} at least`}`;
  return z
    .unknown()
    .transform((value, context) => {
      const ms = msOf(String(value));
      if (ms >= leastMs) return ms;
      context.addIssue({ code: 'custom', message: expects });
      return z.NEVER;
    })
    .register(leafMeta, { kind: 'text', description, expects, ...extra });
}

const BUDGET = /^(\d+(?:\.\d+)?)\s*(%|[MGT]i?B)$/i;
const SIZE_BYTES: Record<string, number> = {
  ...{ mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4 },
};

/** A size, a part of a volume, or `unlimited`. */
export function diskBudget(description: string, extra: Extra = {}) {
  const expects = 'a size such as "80 GB", a part of the volume such as "20 %", or "unlimited"';
  return z
    .unknown()
    .transform((value, context): CacheBudget => {
      if (value === 'unlimited') return value;
      const [, count, unit = ''] = BUDGET.exec(String(value).trim()) ?? [];
      const amount = Number(count);
      if (unit === '%' && amount > 0 && amount <= 100) return { percent: amount };
      const bytes = Math.round(amount * (SIZE_BYTES[unit.toLowerCase()] ?? Number.NaN));
      if (bytes > 0 && Number.isSafeInteger(bytes)) return { bytes };
      context.addIssue({ code: 'custom', message: expects });
      return z.NEVER;
    })
    .register(leafMeta, { kind: 'text', description, expects, ...extra });
}

export function textMap(description: string, extra: Extra = {}) {
  const expects = 'a text; labels are name: text, with quotes around numbers';
  return z
    .record(z.string().min(1).max(253), z.string().max(1024))
    .register(leafMeta, { kind: 'map', description, expects, ...extra });
}

/** A group of keys; unknown ones are refused. */
export function section<T extends z.ZodRawShape>(description: string, shape: T) {
  const expects = `a section with the keys ${Object.keys(shape).join(', ')}`;
  return z.strictObject(shape).register(leafMeta, { kind: 'section', description, expects });
}

/** A list of texts; a single one needs no brackets. */
export function texts(description: string, extra: Extra = {}) {
  const expects = 'a text or a list of texts';
  return z
    .union([filled(), z.array(filled()).min(1).max(1000)])
    .transform((given) => (typeof given === 'string' ? [given] : given))
    .register(leafMeta, { kind: 'list', description, expects, ...extra });
}

export function listOf<T extends z.ZodType>(item: T, description: string) {
  return z.array(item).max(1000).register(leafMeta, { kind: 'list', description, expects: 'a list' });
}

function toRate(value: unknown, context: z.RefinementCtx): number {
  try {
    return parseRate(String(value));
  } catch (error) {
    if (!(error instanceof RateError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
}

function isPlainHttpUrl(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, username, password, search, hash } = new URL(address);
  return ['http:', 'https:'].includes(protocol) && [username, password, search, hash].every((part) => part === '');
}
