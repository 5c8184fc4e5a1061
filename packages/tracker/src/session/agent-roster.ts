/**
 * Every agent that ever connected, and whether it is here now.
 * What the last hello said is stored; traffic is stored when the agent leaves.
 */
import type { HostView } from '../client/api-schemas.ts';
import type { Clock } from '../clock.ts';
import type { AgentRecord, AgentStore } from '../store/agent-store.ts';
import type { AgentSession } from './agent-session.ts';
import type { Presence } from './presence.ts';

export interface KnownAgent extends AgentRecord {
  online: boolean;
}

export interface AgentRoster {
  arrived(session: AgentSession): void;
  left(session: AgentSession): void;
  all(): KnownAgent[];
}

export function createAgentRoster(store: AgentStore, presence: Presence, clock: Clock): AgentRoster {
  const records = new Map(store.list().map((record) => [record.peerId, record]));
  const keep = (session: AgentSession) => {
    const record = recordOf(session, clock.now());
    records.set(record.peerId, record);
    store.save(record);
  };
  return {
    arrived: keep,
    left: keep,
    all: () =>
      [...records.values()].map((record) => {
        const session = presence.get(record.peerId);
        return session ? { ...recordOf(session, clock.now()), online: true } : { ...record, online: false };
      }),
  };
}

function recordOf(session: AgentSession, nowMs: number): AgentRecord {
  const { peerId, name, role, labels, platform, engine, version, traffic } = session;
  return { peerId, name, role, lastSeenAtMs: nowMs, labels, platform, engine, version, traffic };
}

export function viewOfAgent({ lastSeenAtMs, ...agent }: KnownAgent): HostView {
  return { ...agent, lastSeenAt: new Date(lastSeenAtMs).toISOString() };
}
