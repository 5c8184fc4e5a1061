/**
 * Every agent that ever connected, with what its last hello said.
 */

import type { Platform } from '@shoal/oci';
import type { AgentRole } from '../client/session-messages.ts';
import { type EngineInfo, NOTHING_MOVED, type Traffic } from '../client/shapes.ts';
import type { Database } from './database.ts';

/** What is kept as one JSON column: nothing selects by it. */
export interface AgentFacts {
  labels: Record<string, string>;
  platform: Platform;
  engine: EngineInfo | null;
  version: string;
  traffic: Traffic;
}

export interface AgentRecord extends AgentFacts {
  peerId: string;
  name: string;
  role: AgentRole;
  lastSeenAtMs: number;
}

export interface AgentStore {
  save(agent: AgentRecord): void;
  list(): AgentRecord[];
  remove(peerId: string): void;
}

interface Row {
  peerId: string;
  name: string;
  role: AgentRole;
  lastSeenAtMs: number;
  facts: string;
}

export function createAgentStore(db: Database): AgentStore {
  const upsert = db.prepare<Row>(
    `INSERT INTO agents (peer_id, name, role, last_seen_at, facts)
     VALUES (@peerId, @name, @role, @lastSeenAtMs, @facts)
     ON CONFLICT (peer_id) DO UPDATE SET name = excluded.name, role = excluded.role,
       last_seen_at = excluded.last_seen_at, facts = excluded.facts`,
  );
  const all = db.prepare<[], Row>(
    `SELECT peer_id AS peerId, name, role, last_seen_at AS lastSeenAtMs, facts
     FROM agents ORDER BY name, peer_id`,
  );
  const remove = db.prepare('DELETE FROM agents WHERE peer_id = ?');
  return {
    remove: (peerId) => void remove.run(peerId),
    save({ peerId, name, role, lastSeenAtMs, ...facts }) {
      upsert.run({ peerId, name, role, lastSeenAtMs, facts: JSON.stringify(facts) });
    },
    list: () => all.all().map(({ facts, ...row }) => ({ ...row, ...factsOf(facts) })),
  };
}

/** What an older tracker did not write counts as nothing. */
function factsOf(text: string): AgentFacts {
  const facts = JSON.parse(text) as AgentFacts;
  return { ...facts, traffic: { ...NOTHING_MOVED, ...facts.traffic } };
}
