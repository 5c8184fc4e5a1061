/**
 * Tickets: signs them, and renews them early enough that a swarm outlives the tracker for half an hour.
 * Does not decide who may have one.
 */
import type { KeyObject } from 'node:crypto';
import { signTicket, type TicketRole } from '@shoal/wire';
import { type Clock, every } from '../clock.ts';
import type { Member } from './swarm.ts';

export const TICKET_LIFE_MS = 60 * 60_000;
/** A ticket that has less than this left is renewed. */
export const TICKET_RENEW_MS = 35 * 60_000;
const RENEWAL_CHECK_MS = 60_000;

export interface TicketFor {
  peerId: string;
  publicKey: string;
  swarm: string;
  role: TicketRole;
}

export interface TicketOffice {
  issue(to: TicketFor): { ticket: string; expiresAtMs: number };
}

export function createTicketOffice(privateKey: KeyObject, clock: Clock): TicketOffice {
  return {
    issue({ peerId, publicKey, swarm, role }) {
      const expiresAtMs = clock.now() + TICKET_LIFE_MS;
      const expiresAtSeconds = Math.floor(expiresAtMs / 1000);
      return {
        ticket: signTicket({ agent: peerId, key: publicKey, swarm, role, expiresAtSeconds }, privateKey),
        expiresAtMs,
      };
    },
  };
}

export function isTicketDue(member: Member, nowMs: number): boolean {
  return member.ticketExpiresAtMs - nowMs < TICKET_RENEW_MS;
}

export function startTicketRenewal(clock: Clock, renewDue: (nowMs: number) => void): () => void {
  return every(clock, RENEWAL_CHECK_MS, () => renewDue(clock.now()));
}
