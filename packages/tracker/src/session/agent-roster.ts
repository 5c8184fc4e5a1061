/**
 * Every agent that ever connected, and whether it is here now.
 * What the last hello said is stored; traffic is stored when the agent leaves.
 */
import type { Logger } from 'pino';
import type { HostView } from '../client/api-schemas.ts';
import { NOTHING_MOVED, type Traffic } from '../client/shapes.ts';
import type { Clock } from '../clock.ts';
import type { AgentRecord, AgentStore } from '../store/agent-store.ts';
import type { AgentSession } from './agent-session.ts';
import type { Presence } from './presence.ts';

/** An agent says what its card does while it moves something; what is older says nothing of now. */
const FRESH_CARD_MS = 60_000;

export interface KnownAgent extends AgentRecord {
  online: boolean;
  card?: AgentSession['card'];
}

export interface AgentRoster {
  arrived(session: AgentSession): void;
  left(session: AgentSession): void;
  all(): KnownAgent[];
  get(peerId: string): KnownAgent | undefined;
  /** Another number whenever an agent came, left or was forgotten. */
  changes(): number;
  /** Of all known agents together, since each of them started. Cheap: makes nothing for each. */
  traffic(): Traffic;
  /** False when it is not known. Only for an agent that is not here. */
  forget(peerId: string): boolean;
}

export interface AgentRosterDeps {
  store: AgentStore;
  presence: Presence;
  clock: Clock;
  log: Logger;
}

export function createAgentRoster({ store, presence, clock, log }: AgentRosterDeps): AgentRoster {
  const records = new Map(store.list().map((record) => [record.peerId, record]));
  let changes = 0;
  const keep = (session: AgentSession) => {
    changes++;
    const record = recordOf(session, clock.now());
    records.set(record.peerId, record);
    try {
      store.save(record);
    } catch (error) {
      // It is known in memory: a full disk keeps no agent from coming or going.
      log.error({ peerId: record.peerId, err: error }, 'an agent is not saved: free space in dataDir');
    }
  };
  const known = (record: AgentRecord): KnownAgent => {
    const session = presence.get(record.peerId);
    if (session === undefined) return { ...record, online: false };
    const { card } = session;
    const isFresh = card !== undefined && clock.now() - card.atMs < FRESH_CARD_MS;
    return { ...recordOf(session, clock.now()), online: true, ...(isFresh && { card }) };
  };
  return {
    arrived: keep,
    left: keep,
    forget(peerId) {
      if (!records.has(peerId)) return false;
      store.remove(peerId);
      changes++;
      return records.delete(peerId);
    },
    changes: () => changes,
    traffic() {
      const sum = { ...NOTHING_MOVED };
      for (const record of records.values()) {
        const { traffic } = presence.get(record.peerId) ?? record;
        sum.sentBytes += traffic.sentBytes;
        sum.receivedBytes += traffic.receivedBytes;
        sum.remoteBytes += traffic.remoteBytes;
        sum.originBytes += traffic.originBytes;
      }
      return sum;
    },
    all: () => [...records.values()].map(known),
    get(peerId) {
      const record = records.get(peerId);
      return record && known(record);
    },
  };
}

function recordOf(session: AgentSession, nowMs: number): AgentRecord {
  const { peerId, name, role, labels, platform, engine, version, traffic } = session;
  return { peerId, name, role, lastSeenAtMs: nowMs, labels, platform, engine, version, traffic };
}

export function viewOfAgent({ lastSeenAtMs, card, ...agent }: KnownAgent): HostView {
  const view = { ...agent, lastSeenAt: new Date(lastSeenAtMs).toISOString() };
  if (card === undefined) return view;
  const { atMs, ...rates } = card;
  return { ...view, card: { ...rates, at: new Date(atMs).toISOString() } };
}
