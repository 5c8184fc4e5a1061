/*
 * Tickets: what the tracker signs so that two peers can believe each other without asking it.
 * Decides whether a ticket holds; that its bearer owns the key is `proof.ts`.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { MAX_TICKET_CHARS } from './extended-handshake.ts';
import { peerIdOfKey, RAW_PUBLIC_KEY_BYTES } from './keys.ts';

/** A holder may serve what it has and receive nothing. */
export type TicketRole = 'seeder' | 'leecher' | 'holder';

export interface TicketClaims {
  /** The agent's peer id, 40 hex digits. */
  agent: string;
  /** Its Ed25519 public key, 32 raw bytes as base64url. */
  key: string;
  /** Swarm id, 40 hex digits. */
  swarm: string;
  role: TicketRole;
  /** Seconds since the epoch. */
  expiresAtSeconds: number;
}

export type TicketFault = 'malformed ticket' | 'bad signature' | 'other swarm' | 'expired' | 'key of another agent';
export type TicketVerdict = { ok: true; claims: TicketClaims } | { ok: false; reason: TicketFault };

/** Keeps a signature made for something else from passing as a ticket. */
const DOMAIN = 'shoal-ticket-v1.';
/** base64url of a JSON object, a dot, base64url of 64 bytes. */
const SHAPE = /^([A-Za-z0-9_-]{1,1900})\.([A-Za-z0-9_-]{86})$/;
const ID = /^[0-9a-f]{40}$/;
const ROLES: readonly string[] = ['seeder', 'leecher', 'holder'] satisfies TicketRole[];

/** `${base64url(json)}.${base64url(signature)}`; signed is the first part as text, behind the domain. */
export function signTicket(claims: TicketClaims, trackerPrivateKey: KeyObject): string {
  const { agent, key, swarm, role, expiresAtSeconds } = claims;
  const body = Buffer.from(JSON.stringify({ agent, key, swarm, role, expiresAtSeconds })).toString('base64url');
  return `${body}.${sign(null, signedBytes(body), trackerPrivateKey).toString('base64url')}`;
}

/** Never throws on a ticket's content. The signature is checked before anything in the ticket is read. */
export function verifyTicket(
  ticket: string,
  trackerPublicKey: KeyObject,
  expected: { swarm: string; nowSeconds: number },
): TicketVerdict {
  const parts = ticket.length <= MAX_TICKET_CHARS ? SHAPE.exec(ticket) : null;
  if (!parts?.[1] || !parts[2]) return refuse('malformed ticket');
  const signature = Buffer.from(parts[2], 'base64url');
  if (!verify(null, signedBytes(parts[1]), trackerPublicKey, signature)) return refuse('bad signature');
  const claims = readClaims(parts[1]);
  if (!claims) return refuse('malformed ticket');
  if (claims.agent !== peerIdOfKey(Buffer.from(claims.key, 'base64url'))) return refuse('key of another agent');
  if (claims.swarm !== expected.swarm) return refuse('other swarm');
  if (expected.nowSeconds >= claims.expiresAtSeconds) return refuse('expired');
  return { ok: true, claims };
}

function readClaims(body: string): TicketClaims | undefined {
  const value = parseJson(Buffer.from(body, 'base64url').toString('utf8'));
  if (typeof value !== 'object' || value === null) return undefined;
  const { agent, key, swarm, role, expiresAtSeconds } = value as Record<string, unknown>;
  if (typeof agent !== 'string' || !ID.test(agent)) return undefined;
  if (typeof swarm !== 'string' || !ID.test(swarm)) return undefined;
  if (typeof key !== 'string' || Buffer.from(key, 'base64url').length !== RAW_PUBLIC_KEY_BYTES) return undefined;
  if (typeof role !== 'string' || !ROLES.includes(role)) return undefined;
  if (typeof expiresAtSeconds !== 'number' || !Number.isFinite(expiresAtSeconds)) return undefined;
  return { agent, key, swarm, role: role as TicketRole, expiresAtSeconds };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function signedBytes(body: string): Buffer {
  return Buffer.from(DOMAIN + body, 'latin1');
}

function refuse(reason: TicketFault): TicketVerdict {
  return { ok: false, reason };
}
