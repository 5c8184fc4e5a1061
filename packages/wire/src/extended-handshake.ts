/*
 * The extended handshake (BEP 10) with Shoal's part in it: the largest block, the nonce and the ticket.
 * Decides which values are acceptable; whether the ticket holds is `tickets.ts`, the proof that follows `proof.ts`.
 */
import { type Bencoded, decodeBencoding, encodeBencoding } from './bencoding.ts';
import type { ViolationReason } from './messages.ts';

/** Extended message id 0 is the handshake itself. */
export const EXTENDED_HANDSHAKE_ID = 0;
/** The extension whose one message carries the proof: `m: { shoal_auth: SHOAL_AUTH_ID }`. */
export const SHOAL_AUTH = 'shoal_auth';
export const SHOAL_AUTH_ID = 1;
export const NONCE_BYTES = 32;
/** The smallest and largest block an agent may ask for: BEP 3's 16 KiB, and the largest piece. */
export const MIN_BLOCK_BYTES = 16 * 1024;
export const MAX_BLOCK_BYTES = 4 * 1024 * 1024;
export const MAX_TICKET_CHARS = 2048;
const MAX_VERSION_BYTES = 100;
const MAX_EXTENSIONS = 64;

/** What this code speaks. Two sides go by the smaller number; unknown keys are passed over, so old and new agents talk. */
export const SHOAL_PROTOCOL = 1;
const MAX_PROTOCOL = 65_535;

export interface ShoalHandshake {
  /** The newest protocol this side speaks. */
  protocol: number;
  /** Largest block this side takes, in bytes. */
  block: number;
  nonce: Uint8Array;
  ticket: string;
}

export interface ExtendedHandshake {
  /** Extension name → the message id this side wants it under; 0 = switched off. */
  m: Record<string, number>;
  /** Client and version: untrusted text. */
  v?: string;
  /** Requests this side keeps waiting before it drops some. */
  reqq?: number;
  /** TCP port this side listens on. */
  p?: number;
  /** Absent: a foreign client. */
  shoal?: ShoalHandshake;
}

export type ExtendedHandshakeResult =
  | { ok: true; handshake: ExtendedHandshake }
  | { ok: false; reason: Extract<ViolationReason, 'bad extended handshake'> };

type Dictionary = Record<string, Bencoded>;

const REFUSED: ExtendedHandshakeResult = { ok: false, reason: 'bad extended handshake' };

/** The payload of the extended message with id 0. */
export function encodeExtendedHandshake(handshake: ExtendedHandshake): Buffer {
  const { m, v, reqq, p, shoal } = handshake;
  return encodeBencoding({ m, v, reqq, p, shoal: shoal && { ...shoal } });
}

/**
 * Fields BEP 10 leaves to taste are dropped when they make no sense; a malformed `m` or `shoal` is a violation.
 * Never throws.
 */
export function decodeExtendedHandshake(payload: Uint8Array): ExtendedHandshakeResult {
  const root = decodeBencoding(payload);
  if (!isDictionary(root)) return REFUSED;
  const m = readExtensions(own(root, 'm'));
  if (m === undefined) return REFUSED;
  const handshake: ExtendedHandshake = { m };
  const v = own(root, 'v');
  if (v instanceof Uint8Array && v.length <= MAX_VERSION_BYTES) handshake.v = Buffer.from(v).toString('utf8');
  const reqq = own(root, 'reqq');
  if (isIntegerWithin(reqq, 1, 65_535)) handshake.reqq = reqq;
  const p = own(root, 'p');
  if (isIntegerWithin(p, 1, 65_535)) handshake.p = p;
  if (Object.hasOwn(root, 'shoal')) {
    const shoal = readShoal(own(root, 'shoal'));
    if (shoal === undefined) return REFUSED;
    handshake.shoal = shoal;
  }
  return { ok: true, handshake };
}

function readExtensions(value: Bencoded | undefined): Record<string, number> | undefined {
  if (value === undefined) return {};
  if (!isDictionary(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > MAX_EXTENSIONS) return undefined;
  const ids = entries.filter((entry): entry is [string, number] => isIntegerWithin(entry[1], 0, 255));
  return Object.fromEntries(ids);
}

function readShoal(value: Bencoded | undefined): ShoalHandshake | undefined {
  if (!isDictionary(value)) return undefined;
  const block = own(value, 'block');
  const nonce = own(value, 'nonce');
  const ticket = own(value, 'ticket');
  const protocol = own(value, 'protocol');
  if (!isIntegerWithin(protocol, 1, MAX_PROTOCOL)) return undefined;
  if (!isIntegerWithin(block, MIN_BLOCK_BYTES, MAX_BLOCK_BYTES)) return undefined;
  if (!(nonce instanceof Uint8Array) || nonce.length !== NONCE_BYTES) return undefined;
  if (!(ticket instanceof Uint8Array) || ticket.length > MAX_TICKET_CHARS) return undefined;
  return { protocol, block, nonce, ticket: Buffer.from(ticket).toString('latin1') };
}

/** Not through the prototype: `__proto__` is a key like any other to whoever wrote the bytes. */
function own(dictionary: Dictionary, key: string): Bencoded | undefined {
  return Object.hasOwn(dictionary, key) ? dictionary[key] : undefined;
}

function isDictionary(value: Bencoded | undefined): value is Dictionary {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function isIntegerWithin(value: Bencoded | undefined, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
