/*
 * Bencoded bytes from a stranger to plain values and back. The `bencode` library trusts its input: a negative length
 * makes it loop for ever, deep nesting overflows the stack. So `isBencoding` walks the bytes once, without recursion,
 * and only what is well formed reaches the library. Knows nothing of messages.
 */
import bencode from 'bencode';

export type Bencoded = number | Uint8Array | Bencoded[] | { [key: string]: Bencoded };
export type BencodeInput = number | string | Uint8Array | BencodeInput[] | { [key: string]: BencodeInput | undefined };

const MAX_DEPTH = 8;
/** Digits of a length or a number: a length below 10^6 is more than any message here holds. */
const MAX_LENGTH_DIGITS = 6;
const MAX_NUMBER_DIGITS = 20;

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const MINUS = 0x2d;
const COLON = 0x3a;
const DICTIONARY = 0x64;
const END = 0x65;
const INTEGER = 0x69;
const LIST = 0x6c;

/** An open list, or an open dictionary by what it waits for. */
type Container = 'list' | 'key' | 'value';

/** Undefined when the bytes are not exactly one well-formed value. */
export function decodeBencoding(bytes: Uint8Array): Bencoded | undefined {
  return isBencoding(bytes) ? (bencode.decode(bytes) as Bencoded) : undefined;
}

/** Keys whose value is undefined are left out. */
export function encodeBencoding(value: BencodeInput): Buffer {
  return Buffer.from(bencode.encode(value));
}

/** One value, nothing after it, at most 8 containers deep. Each byte is looked at once. */
export function isBencoding(bytes: Uint8Array): boolean {
  const open: Container[] = [];
  let position = 0;
  do {
    position = bytes[position] === END ? closeInnermost(open, position) : skipValue(bytes, open, position);
    if (position < 0) return false;
  } while (open.length > 0);
  return position === bytes.length;
}

/** -1 when there is nothing to close, or a key still lacks its value. */
function closeInnermost(open: Container[], position: number): number {
  const innermost = open.pop();
  return innermost === undefined || innermost === 'value' ? -1 : position + 1;
}

/** The position behind a number or string, or behind the sign that opens a container; -1 when malformed. */
function skipValue(bytes: Uint8Array, open: Container[], position: number): number {
  const byte = bytes[position];
  const innermost = open.at(-1);
  if (innermost === 'key') {
    if (!isDigit(byte)) return -1;
    open[open.length - 1] = 'value';
  } else if (innermost === 'value') {
    open[open.length - 1] = 'key';
  }
  if (byte === INTEGER) return skipInteger(bytes, position);
  if (byte !== LIST && byte !== DICTIONARY) return skipString(bytes, position);
  if (open.length === MAX_DEPTH) return -1;
  open.push(byte === LIST ? 'list' : 'key');
  return position + 1;
}

/** The position after `i…e`, or -1. */
function skipInteger(bytes: Uint8Array, start: number): number {
  const first = bytes[start + 1] === MINUS ? start + 2 : start + 1;
  const end = skipDigits(bytes, first, MAX_NUMBER_DIGITS);
  return end > first && bytes[end] === END ? end + 1 : -1;
}

/** The position after `length:bytes`, or -1. */
function skipString(bytes: Uint8Array, start: number): number {
  const colon = skipDigits(bytes, start, MAX_LENGTH_DIGITS);
  if (colon === start || bytes[colon] !== COLON) return -1;
  let length = 0;
  for (let index = start; index < colon; index++) length = length * 10 + (bytes[index] as number) - DIGIT_0;
  const end = colon + 1 + length;
  return end <= bytes.length ? end : -1;
}

function skipDigits(bytes: Uint8Array, start: number, maxDigits: number): number {
  let position = start;
  while (position - start < maxDigits && isDigit(bytes[position])) position += 1;
  return position;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_9;
}
