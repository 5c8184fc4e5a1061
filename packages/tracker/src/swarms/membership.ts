/**
 * Members come and go: who gets which ticket, which hashes and which neighbours.
 * Does not decide who may come (the jobs do) nor who seeds.
 */
import type { TicketRole } from '@shoal/wire';
import type { Neighbour, SwarmFacts } from '../client/session-messages.ts';
import { type AgentSession, neighbourOf } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import { knownHashes, type Member, type Swarm } from './swarm.ts';
import type { TicketOffice } from './tickets.ts';

export interface Membership {
  /** Adds a member or gives it another role. Its neighbours learn of it at once. */
  enter(swarm: Swarm, session: AgentSession, as: EnterAs): Member;
  exit(swarm: Swarm, peerId: string): void;
  /** What `joined` and `seed` tell. From here on only later hashes are sent. */
  factsFor(swarm: Swarm, session: AgentSession): SwarmFacts;
  neighboursFor(swarm: Swarm, peerId: string): Neighbour[];
  ticketFor(swarm: Swarm, session: AgentSession, member: Member): string;
}

export interface EnterAs {
  role: TicketRole;
  pieces?: number;
  complete?: boolean;
}

export function createMembership(presence: Presence, tickets: TicketOffice): Membership {
  const describe = (peerIds: readonly string[]) =>
    peerIds.flatMap((peerId) => presence.get(peerId) ?? []).map(neighbourOf);

  /** Only who downloads dials, so only leechers need to hear of others. */
  const introduce = (swarm: Swarm, peerId: string, to: readonly string[]) => {
    const neighbours = describe([peerId]);
    for (const other of to) {
      if (swarm.members.get(other)?.role !== 'leecher') continue;
      presence.get(other)?.send({ type: 'neighbours', swarm: swarm.id, neighbours });
    }
  };

  const ticketFor = (swarm: Swarm, session: AgentSession, member: Member) => {
    const { peerId, publicKey } = session;
    const issued = tickets.issue({ peerId, publicKey, swarm: swarm.id, role: member.role });
    member.ticketExpiresAtMs = issued.expiresAtMs;
    return issued.ticket;
  };

  const relink = (swarm: Swarm, peerId: string) => {
    swarm.graph.remove(peerId);
    const linked = swarm.graph.add(peerId);
    introduce(swarm, peerId, linked);
    const neighbours = describe(linked);
    if (swarm.members.get(peerId)?.role === 'leecher' && neighbours.length > 0) {
      presence.get(peerId)?.send({ type: 'neighbours', swarm: swarm.id, neighbours });
    }
  };

  return {
    enter(swarm, session, { role, pieces, complete }) {
      const before = swarm.members.get(session.peerId);
      const member: Member = {
        peerId: session.peerId,
        role,
        pieces: pieces ?? before?.pieces ?? 0,
        complete: complete ?? before?.complete ?? false,
        hashesSent: before?.hashesSent ?? 0,
        ticketExpiresAtMs: 0,
      };
      swarm.members.set(session.peerId, member);
      if (!before) introduce(swarm, session.peerId, swarm.graph.add(session.peerId));
      return member;
    },
    exit(swarm, peerId) {
      if (!swarm.members.delete(peerId)) return;
      for (const left of swarm.graph.remove(peerId)) {
        if (swarm.graph.neighboursOf(left).length === 0) relink(swarm, left);
      }
    },
    factsFor(swarm, session) {
      const member = swarm.members.get(session.peerId);
      if (!member) throw new Error('facts of a swarm for who is no member');
      member.hashesSent = swarm.known;
      const { id, digest, size, pieceLength } = swarm;
      const ticket = ticketFor(swarm, session, member);
      return { swarm: id, digest, size, pieceLength, hashes: knownHashes(swarm).toString('base64'), ticket };
    },
    neighboursFor: (swarm, peerId) => describe(swarm.graph.neighboursOf(peerId)),
    ticketFor,
  };
}
