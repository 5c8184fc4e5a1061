/*
 * Piece hashes from peer to peer, for when the tracker does not send them: a peer asks, and is answered with runs that a
 * seeder of the swarm has signed. A run shows the seeder's ticket, so it holds for everybody, whoever passes it on.
 * Decides the bytes, their caps, and whether a run holds; whom to ask is the swarm's matter.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { MAX_TICKET_CHARS } from './extended-handshake.ts';
import { importRawPublicKey } from './keys.ts';
import type { ViolationReason } from './messages.ts';
import { type TicketFault, verifyTicket } from './tickets.ts';

/** The extension whose messages are asks and answers: `m: { shoal_hashes: SHOAL_HASHES_ID }`. */
export const SHOAL_HASHES = 'shoal_hashes';
export const SHOAL_HASHES_ID = 3;
/** SHA-256. */
export const HASH_BYTES = 32;
/** Hashes in one run, and runs in one answer. */
export const MAX_RUN_HASHES = 1024;
export const MAX_RUNS = 64;
/** Of one answer: a run of the longest kind with its ticket, or as many shorter ones. */
export const MAX_HASHES_BYTES = 40 * 1024;

/** Hashes of pieces that lie behind each other, as a seeder signed them. */
export interface HashRun {
  /** Index of the first piece. */
  first: number;
  /** n × 32 bytes. */
  hashes: Uint8Array;
  /** Of `signHashRun`, by the key that the ticket names. */
  signature: Uint8Array;
  /** The seeder's, as the tracker signed it. */
  ticket: string;
}

export type HashesMessage =
  /** The hashes of pieces from here on, please. */
  { type: 'ask'; first: number } | { type: 'runs'; runs: HashRun[] };

export type HashesResult =
  | { ok: true; message: HashesMessage }
  | { ok: false; reason: Extract<ViolationReason, 'bad hashes'> };

export type SeederFault = TicketFault | 'not a seeder';

const ASK = 0;
const RUNS = 1;
const ASK_BYTES = 5;
const SIGNATURE_BYTES = 64;
/** First piece, hashes, characters of the ticket, signature. */
const RUN_HEADER_BYTES = 4 + 2 + 2 + SIGNATURE_BYTES;
const DOMAIN = Buffer.from('shoal-hashes-v1\0', 'latin1');
const REFUSED: HashesResult = { ok: false, reason: 'bad hashes' };

/** The payload of a `shoal_hashes` message. */
export function encodeHashAsk(first: number): Buffer {
  const payload = Buffer.alloc(ASK_BYTES);
  payload.writeUInt8(ASK);
  payload.writeUInt32BE(first, 1);
  return payload;
}

/** As many of the runs as fit into one message, from the start; the first always does. */
export function encodeHashRuns(runs: readonly HashRun[]): Buffer {
  const parts: Uint8Array[] = [Buffer.of(RUNS)];
  let bytes = 1;
  let before = '';
  for (const run of runs.slice(0, MAX_RUNS)) {
    const encoded = encodeRun(run, before);
    bytes += encoded.length;
    if (bytes > MAX_HASHES_BYTES) break;
    parts.push(encoded);
    before = run.ticket;
  }
  return Buffer.concat(parts);
}

/** A ticket of no characters is that of the run before. */
function encodeRun({ first, hashes, signature, ticket }: HashRun, before: string): Buffer {
  const shown = Buffer.from(ticket === before ? '' : ticket, 'latin1');
  const header = Buffer.alloc(RUN_HEADER_BYTES);
  header.writeUInt32BE(first, 0);
  header.writeUInt16BE(hashes.length / HASH_BYTES, 4);
  header.writeUInt16BE(shown.length, 6);
  header.set(signature, 8);
  return Buffer.concat([header, shown, hashes]);
}

/** Never throws. The hashes and signatures are views of the payload. */
export function decodeHashes(payload: Uint8Array): HashesResult {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  if (bytes.length > MAX_HASHES_BYTES) return REFUSED;
  if (bytes[0] === ASK && bytes.length === ASK_BYTES)
    return { ok: true, message: { type: 'ask', first: bytes.readUInt32BE(1) } };
  const runs = bytes[0] === RUNS ? readRuns(bytes) : undefined;
  return runs === undefined ? REFUSED : { ok: true, message: { type: 'runs', runs } };
}

function readRuns(bytes: Buffer): HashRun[] | undefined {
  const runs: HashRun[] = [];
  for (let at = 1; at < bytes.length; ) {
    if (runs.length === MAX_RUNS || at + RUN_HEADER_BYTES > bytes.length) return undefined;
    const first = bytes.readUInt32BE(at);
    const count = bytes.readUInt16BE(at + 4);
    const ticketChars = bytes.readUInt16BE(at + 6);
    const ticketAt = at + RUN_HEADER_BYTES;
    const hashesAt = ticketAt + ticketChars;
    const end = hashesAt + count * HASH_BYTES;
    const isSound = count > 0 && count <= MAX_RUN_HASHES && ticketChars <= MAX_TICKET_CHARS && end <= bytes.length;
    const ticket = ticketChars > 0 ? bytes.toString('latin1', ticketAt, hashesAt) : runs.at(-1)?.ticket;
    if (!isSound || ticket === undefined) return undefined;
    runs.push({ first, hashes: bytes.subarray(hashesAt, end), signature: bytes.subarray(at + 8, ticketAt), ticket });
    at = end;
  }
  return runs.length > 0 ? runs : undefined;
}

export type SignedHashes = Pick<HashRun, 'first' | 'hashes'> & { swarm: string };

/** 64 bytes. */
export function signHashRun(signed: SignedHashes, seederPrivateKey: KeyObject): Buffer {
  return sign(null, signedBytes(signed), seederPrivateKey);
}

/** Whether the bearer of this key signed these hashes for this swarm. */
export function verifyHashRun(run: HashRun, swarm: string, seederPublicKey: KeyObject): boolean {
  const { first, hashes, signature } = run;
  return verify(null, signedBytes({ swarm, first, hashes }), seederPublicKey, signature);
}

/** The key that may sign hashes of the swarm, by a seeder's ticket. Never throws on a ticket's content. */
export function seederKeyOf(
  ticket: string,
  trackerPublicKey: KeyObject,
  expected: { swarm: string; nowSeconds: number },
): { ok: true; key: KeyObject } | { ok: false; reason: SeederFault } {
  const verdict = verifyTicket(ticket, trackerPublicKey, expected);
  if (!verdict.ok) return verdict;
  if (verdict.claims.role !== 'seeder') return { ok: false, reason: 'not a seeder' };
  return { ok: true, key: importRawPublicKey(Buffer.from(verdict.claims.key, 'base64url')) };
}

/** Domain, then fields of fixed length, then the hashes: no two runs give the same bytes. */
function signedBytes({ swarm, first, hashes }: SignedHashes): Buffer {
  const place = Buffer.alloc(4);
  place.writeUInt32BE(first);
  return Buffer.concat([DOMAIN, Buffer.from(swarm, 'hex'), place, hashes]);
}
