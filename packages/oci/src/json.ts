/**
 * Reading foreign JSON documents without trusting their shape. Every reader gets `where`, the
 * words that name the document and the place in it, and `code`, the error to throw.
 */
import type { OciErrorCode } from './errors.ts';
import { OciError } from './errors.ts';

export interface Place {
  code: OciErrorCode;
  where: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function parseJsonObject(bytes: Uint8Array, place: Place, maxBytes: number): JsonObject {
  if (bytes.byteLength > maxBytes) {
    throw new OciError('TOO_LARGE', `${place.where} has ${bytes.byteLength} bytes; at most ${maxBytes} are accepted`);
  }
  return asObject(parseJson(bytes, place), place);
}

export function asObject(value: unknown, place: Place): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(place, 'is not a JSON object');
  return value as JsonObject;
}

/** Absent and null are an empty list: Go writes a nil slice as null. */
export function asArray(value: unknown, place: Place, maxLength: number): readonly unknown[] {
  const list = value ?? [];
  if (!Array.isArray(list)) throw wrong(place, 'is not a list');
  if (list.length > maxLength) {
    throw new OciError('TOO_LARGE', `${place.where} has ${list.length} entries; at most ${maxLength} are accepted`);
  }
  return list;
}

/** Absent, null and '' are undefined: Go writes an unset string as ''. */
export function asOptionalString(value: unknown, place: Place): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw wrong(place, 'is not a string');
  return value;
}

export function asString(value: unknown, place: Place): string {
  const text = asOptionalString(value, place);
  if (text === undefined) throw wrong(place, 'is missing');
  return text;
}

export function at(place: Place, step: string): Place {
  return { code: place.code, where: `${place.where}: ${step}` };
}

export function wrong(place: Place, what: string): OciError {
  return new OciError(place.code, `${place.where} ${what}`);
}

function parseJson(bytes: Uint8Array, place: Place): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    throw wrong(place, 'is not JSON');
  }
}
