/**
 * Members come and go: who gets which ticket, which hashes and which neighbours, near ones and remote ones.
 * Does not decide who may come (the jobs do) nor who seeds.
 */
import type { TicketRole } from '@shoal/wire';
import type { Neighbour, SwarmFacts } from '../client/session-messages.ts';
import { type AgentSession, neighbourOf } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import { downloads, knownHashes, type Member, type Swarm } from './swarm.ts';
import type { TicketOffice } from './tickets.ts';
import { isRemote, type ZoneOf } from './zones.ts';

export interface Membership {
  /** Adds a member or gives it another role. Its neighbours learn of it at once. */
  enter(swarm: Swarm, session: AgentSession, as: EnterAs): Member;
  exit(swarm: Swarm, peerId: string): void;
  /** What `joined` and `seed` tell. From here on only later hashes are sent. */
  factsFor(swarm: Swarm, session: AgentSession): SwarmFacts;
  neighboursFor(swarm: Swarm, peerId: string): Neighbour[];
  /** Sends a member all its neighbours. */
  introduceTo(swarm: Swarm, peerId: string): void;
  /** Names a member other neighbours than these. */
  replace(swarm: Swarm, peerId: string, refused: readonly string[]): void;
  ticketFor(swarm: Swarm, session: AgentSession, member: Member): string;
}

export interface EnterAs {
  role: TicketRole;
  pieces?: number;
  complete?: boolean;
}

export interface MembershipDeps {
  presence: Presence;
  tickets: TicketOffice;
  zoneOf: ZoneOf;
}

export function createMembership({ presence, tickets, zoneOf }: MembershipDeps): Membership {
  const describe = (swarm: Swarm, peerIds: readonly string[], receiver: string): Neighbour[] => {
    const zone = swarm.members.get(receiver)?.zone;
    return peerIds.flatMap((peerId) => {
      const session = presence.get(peerId);
      if (session === undefined) return [];
      const remote = isRemote(swarm.members.get(peerId)?.zone, zone);
      return { ...neighbourOf(session), ...(remote ? { remote } : {}) };
    });
  };

  /** Only who downloads dials, so nobody else needs to hear of others. */
  const introduce = (swarm: Swarm, peerId: string, to: readonly string[]) => {
    for (const other of to) {
      if (!downloads(swarm, other)) continue;
      const neighbours = describe(swarm, [peerId], other);
      presence.get(other)?.send({ type: 'neighbours', swarm: swarm.id, neighbours });
    }
  };

  const ticketFor = (swarm: Swarm, session: AgentSession, member: Member) => {
    const { peerId, publicKey } = session;
    const issued = tickets.issue({ peerId, publicKey, swarm: swarm.id, role: member.role });
    member.ticketExpiresAtMs = issued.expiresAtMs;
    return issued.ticket;
  };

  const mend = (swarm: Swarm, peerId: string) => meet(swarm, peerId, swarm.graph.mend(peerId));

  const meet = (swarm: Swarm, peerId: string, linked: readonly string[]) => {
    introduce(swarm, peerId, linked);
    const neighbours = describe(swarm, linked, peerId);
    if (downloads(swarm, peerId) && neighbours.length > 0) {
      presence.get(peerId)?.send({ type: 'neighbours', swarm: swarm.id, neighbours });
    }
  };

  const unlink = (swarm: Swarm, peerId: string) => {
    for (const left of swarm.graph.remove(peerId)) mend(swarm, left);
  };

  const neighboursFor = (swarm: Swarm, peerId: string) => describe(swarm, swarm.graph.neighboursOf(peerId), peerId);

  return {
    enter(swarm, session, { role, pieces, complete }) {
      const before = swarm.members.get(session.peerId);
      const zone = zoneOf(session);
      const member: Member = {
        peerId: session.peerId,
        role,
        zone,
        pieces: pieces ?? before?.pieces ?? 0,
        complete: complete ?? before?.complete ?? false,
        hashesSent: before?.hashesSent ?? 0,
        ticketExpiresAtMs: 0,
      };
      swarm.members.set(session.peerId, member);
      const hasMoved = before !== undefined && before.zone !== zone;
      if (hasMoved) unlink(swarm, session.peerId);
      if (!before || hasMoved) introduce(swarm, session.peerId, swarm.graph.add(session.peerId, zone));
      return member;
    },
    exit(swarm, peerId) {
      if (!swarm.members.delete(peerId)) return;
      swarm.leases.release(peerId);
      unlink(swarm, peerId);
    },
    factsFor(swarm, session) {
      const member = swarm.members.get(session.peerId);
      if (!member) throw new Error('facts of a swarm for who is no member');
      member.hashesSent = swarm.known;
      const { id, digest, size, pieceLength } = swarm;
      const ticket = ticketFor(swarm, session, member);
      return { swarm: id, digest, size, pieceLength, hashes: knownHashes(swarm).toString('base64'), ticket };
    },
    neighboursFor,
    introduceTo(swarm, peerId) {
      const neighbours = neighboursFor(swarm, peerId);
      presence.get(peerId)?.send({ type: 'neighbours', swarm: swarm.id, neighbours });
    },
    replace: (swarm, peerId, refused) => meet(swarm, peerId, swarm.graph.replace(peerId, refused)),
    ticketFor,
  };
}
