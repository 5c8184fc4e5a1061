/** What the agent knows from and about its session: role, tracker key, names of peers, the host's facts. */
import type { AgentRole, SessionError, SessionState } from '@shoal/tracker/client';
import type { HostFacts } from '../host-facts.ts';

export interface AgentSessionState {
  facts: HostFacts;
  role: AgentRole | undefined;
  /** Raw Ed25519 key that tickets are checked with; outlives a lost session. */
  trackerKeyRaw: Uint8Array;
  connection: 'connecting' | SessionState;
  error: SessionError | undefined;
  setFacts(facts: HostFacts): void;
  changed(next: SessionState, error?: SessionError): void;
  addNames(neighbours: Iterable<{ peerId: string; name: string }>): void;
  /** The name of a peer as the tracker told it, or the start of its id; a foreign client's id is its name. */
  nameOf(peerId: string): string;
}

export function createSessionState(facts: HostFacts): AgentSessionState {
  const names = new Map<string, string>();
  return {
    facts,
    role: undefined,
    trackerKeyRaw: new Uint8Array(32),
    connection: 'connecting',
    error: undefined,
    setFacts(next) {
      this.facts = next;
    },
    changed(next, error) {
      this.connection = next;
      this.error = error;
    },
    addNames(neighbours) {
      for (const { peerId, name } of neighbours) names.set(peerId, name);
    },
    nameOf: (peerId) => names.get(peerId) ?? (/^[0-9a-f]{40}$/.test(peerId) ? peerId.slice(0, 8) : peerId),
  };
}
