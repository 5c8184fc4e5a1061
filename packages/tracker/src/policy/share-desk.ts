/**
 * Splits the caps of the policy that hosts share: one share table a cap, and one a zone for caps per zone. Decides who
 * is a member of which, when one that ended gives up what it had, and that no host is told of an offline part which
 * this tracker would not know after a restart. How a cap is split is decided by shares.ts of the policy package.
 */
import { createShareTable, type Policy, type SharedCap, type ShareTable, sharedCaps } from '@shoal/policy';
import type { Logger } from 'pino';
import type { AgentMessageOf, SharePart } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { OfflinePartRecord, ShareStore } from '../store/share-store.ts';
import type { ZoneOf } from '../swarms/zones.ts';

export interface ShareDesk {
  asked(session: AgentSession, message: AgentMessageOf<'shares'>): void;
  /** The host is gone for good: what it held is free. */
  forget(peerId: string): void;
  /** Another policy is in force: what its caps have in common with those before goes on. */
  policyChanged(): void;
}

export interface ShareDeskDeps {
  store: ShareStore;
  policy(): Policy | undefined;
  zoneOf: ZoneOf;
  clock: Clock;
  log: Logger;
}

export const LEASE_MS = 3000;
/** By how much a host's clock may lag within a lease, and what it takes to notice that one ended. */
export const TOLERANCE_MS = 1000;
/** Of each cap, for all hosts together when they do not hear of the tracker. */
export const OFFLINE_PART = 0.1;
/** Offline parts are written at most this often. */
export const SAVE_MS = 2000;
/** Smaller changes are not written. */
const NOTABLE = 0.1;

type Place = Pick<OfflinePartRecord, 'rule' | 'key' | 'zone'>;

/** One cap, in one zone if it is per zone. */
interface Split extends Place {
  /** Undefined while nobody asks or the policy has no such cap. */
  table: ShareTable | undefined;
  /** When a table that may still have leases out can have been asked last. */
  beforeMs: number;
  /** What is on the disk, by peer id: no host is told of more. */
  saved: Map<string, number>;
  isDirty: boolean;
}

export function createShareDesk({ store, policy, zoneOf, clock, log }: ShareDeskDeps): ShareDesk {
  const splits = new Map<string, Split>();
  const runs = new Map<string, string>();
  const startedMs = clock.uptime();
  let savedMs = Number.NEGATIVE_INFINITY;
  let caps = capsOf(policy());

  const splitAt = ({ rule, key, zone }: Place): Split => {
    const id = JSON.stringify([rule, key, zone]);
    let split = splits.get(id);
    if (split === undefined) {
      split = { ...{ rule, key, zone, table: undefined, beforeMs: startedMs }, saved: new Map(), isDirty: false };
      splits.set(id, split);
    }
    return split;
  };
  for (const { peerId, run, part, ...place } of store.list()) {
    runs.set(peerId, run);
    splitAt(place).saved.set(peerId, part);
  }

  const tableOf = (split: Split): ShareTable => {
    split.table ??= createShareTable({
      ...{ leaseMs: LEASE_MS, toleranceMs: TOLERANCE_MS, offlinePart: OFFLINE_PART },
      follows: { startedMs: split.beforeMs, offline: [...split.saved].map(([member, part]) => ({ member, part })) },
    });
    return split.table;
  };

  const leave = (peerId: string): void => {
    let isSaved = false;
    for (const { table, saved } of splits.values()) {
      table?.leave(peerId);
      isSaved = saved.delete(peerId) || isSaved;
    }
    runs.delete(peerId);
    if (isSaved) store.remove(peerId);
  };

  /** A process has ended when another one speaks for the same agent: it held the lock of the agent's folder. */
  const begin = (peerId: string, run: string): void => {
    const before = runs.get(peerId);
    if (before === run) return;
    try {
      if (before !== undefined) leave(peerId);
    } catch (error) {
      // After a restart the part counts although nobody uses it.
      log.error({ peerId, err: error }, 'offline parts are not freed: free space in dataDir');
    }
    runs.set(peerId, run);
  };

  const save = (nowMs: number): void => {
    if (nowMs - savedMs < SAVE_MS) return;
    const dirty = [...splits.values()].filter(({ isDirty }) => isDirty);
    if (dirty.length === 0) return;
    savedMs = nowMs;
    const records = dirty.flatMap(({ rule, key, zone, table, saved }) =>
      (table?.offline() ?? [])
        .filter(({ member, part }) => isNotable(part, saved.get(member)))
        .map(({ member, part }) => ({ rule, key, zone, peerId: member, run: runs.get(member) ?? '', part })),
    );
    try {
      if (records.length > 0) store.save(records);
    } catch (error) {
      log.error({ err: error }, 'offline parts are not saved and stay as they were: free space in dataDir');
      return;
    }
    for (const record of records) splitAt(record).saved.set(record.peerId, record.part);
    for (const split of dirty) split.isDirty = false;
  };

  return {
    asked(session, { run, asks }) {
      const { peerId: member } = session;
      const nowMs = clock.uptime();
      const zone = zoneOf(session);
      begin(member, run);
      const granted: { split: Split; part: SharePart }[] = [];
      for (const { rule, per, key, ...ask } of asks) {
        if (!caps.has(capId({ rule, per, key })) || (per === 'zone' && zone === undefined)) continue;
        const split = splitAt({ rule, key, zone: per === 'zone' ? (zone ?? '') : '' });
        const answer = tableOf(split).ask({ member, ...ask }, nowMs);
        split.isDirty ||= isNotable(answer.offline, split.saved.get(member));
        granted.push({ split, part: { rule, per, key, ...answer } });
      }
      save(nowMs);
      // The tables count the whole of what they answered, so less may be told.
      const answers = granted.map(({ split, part }) => ({
        ...part,
        offline: Math.min(part.offline, split.saved.get(member) ?? 0),
      }));
      session.send({ type: 'shares', answers, ...(zone === undefined ? { noZone: true } : {}) });
    },
    forget: leave,
    policyChanged() {
      caps = capsOf(policy());
      for (const split of splits.values()) {
        if (split.table === undefined || hasCap(caps, split)) continue;
        // Offline parts stay: a host that is out of reach knows nothing of this, and the cap may come back.
        split.table = undefined;
        split.beforeMs = clock.uptime();
      }
    },
  };
}

function capsOf(policy: Policy | undefined): Map<string, SharedCap> {
  return new Map((policy?.rules ?? []).flatMap(sharedCaps).map((cap) => [capId(cap), cap]));
}

function capId({ rule, per, key }: Pick<SharedCap, 'rule' | 'per' | 'key'>): string {
  return JSON.stringify([rule, per, key]);
}

function hasCap(caps: Map<string, SharedCap>, { rule, key, zone }: Place): boolean {
  const pers = zone === '' ? (['fleet', 'origin'] as const) : (['zone'] as const);
  return pers.some((per) => caps.has(capId({ rule, per, key: key as SharedCap['key'] })));
}

function isNotable(part: number, saved = 0): boolean {
  return Math.abs(part - saved) > NOTABLE * saved;
}
