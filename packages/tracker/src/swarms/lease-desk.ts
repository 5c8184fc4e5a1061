/**
 * Answers members that ask which pieces they may fetch from other zones. Decides who may ask and for
 * what; who gets a lease is decided by the swarm's lease table.
 */
import type { AgentMessageOf } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { SwarmTable } from './swarm-table.ts';

export interface LeaseDeskDeps {
  table: Pick<SwarmTable, 'byId'>;
  clock: Clock;
}

/** Throws TrackerError BAD_MESSAGE when there is no such piece: the session ends. */
export type LeaseDesk = (session: AgentSession, message: AgentMessageOf<'lease'>) => void;

export function createLeaseDesk({ table, clock }: LeaseDeskDeps): LeaseDesk {
  return (session, { swarm: swarmId, pieces, shown }) => {
    const swarm = table.byId(swarmId);
    const member = swarm?.members.get(session.peerId);
    // Who left, or has not come back yet to a tracker that restarted, goes on without leases.
    if (!swarm || !member) return;
    if (pieces.some((piece) => piece >= swarm.pieceCount)) {
      throw new TrackerError('BAD_MESSAGE', `lease: these are not pieces of ${swarm.digest}`);
    }
    const { zone, peerId } = member;
    const { granted, refused } =
      zone === undefined
        ? { granted: pieces, refused: [] } // nothing is remote to it
        : swarm.leases.ask({ zone, holder: peerId, pieces, shown }, clock.now());
    session.send({ type: 'leased', swarm: swarm.id, granted, refused });
  };
}
