/**
 * Who is connected now. One session a peer id: the newer one wins.
 */
import type { AgentRole } from '../client/session-messages.ts';
import type { AgentSession } from './agent-session.ts';

export interface Presence {
  get(peerId: string): AgentSession | undefined;
  all(): AgentSession[];
  withRole(role: AgentRole): AgentSession[];
  /** Returns the session that it replaces. */
  add(session: AgentSession): AgentSession | undefined;
  /** False when another session has taken its place. */
  remove(session: AgentSession): boolean;
}

export function createPresence(): Presence {
  const sessions = new Map<string, AgentSession>();
  return {
    get: (peerId) => sessions.get(peerId),
    all: () => [...sessions.values()],
    withRole: (role) => [...sessions.values()].filter((session) => session.role === role),
    add(session) {
      const before = sessions.get(session.peerId);
      sessions.set(session.peerId, session);
      return before;
    },
    remove(session) {
      return sessions.get(session.peerId) === session && sessions.delete(session.peerId);
    },
  };
}
