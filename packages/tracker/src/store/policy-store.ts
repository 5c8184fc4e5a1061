/**
 * Every version of the bandwidth policy that was ever applied, numbered from 1; the last one holds.
 */
import type { Database } from './database.ts';

export interface PolicyRecord {
  version: number;
  /** The file as the operator wrote it. */
  text: string;
  appliedAtMs: number;
  /** Name of the token. */
  appliedBy: string;
}

export interface PolicyStore {
  current(): PolicyRecord | undefined;
  get(version: number): PolicyRecord | undefined;
  /** Newest first, without their texts. */
  list(): Omit<PolicyRecord, 'text'>[];
  add(policy: Omit<PolicyRecord, 'version'>): PolicyRecord;
}

const FACTS = 'version, applied_at AS appliedAtMs, applied_by AS appliedBy';

export function createPolicyStore(db: Database): PolicyStore {
  const newest = db.prepare<[], PolicyRecord>(`SELECT ${FACTS}, text FROM policies ORDER BY version DESC LIMIT 1`);
  const one = db.prepare<[number], PolicyRecord>(`SELECT ${FACTS}, text FROM policies WHERE version = ?`);
  const all = db.prepare<[], Omit<PolicyRecord, 'text'>>(`SELECT ${FACTS} FROM policies ORDER BY version DESC`);
  const insert = db.prepare('INSERT INTO policies (text, applied_at, applied_by) VALUES (?, ?, ?)');
  return {
    current: () => newest.get(),
    get: (version) => one.get(version),
    list: () => all.all(),
    add(policy) {
      const { lastInsertRowid } = insert.run(policy.text, policy.appliedAtMs, policy.appliedBy);
      return { version: Number(lastInsertRowid), ...policy };
    },
  };
}
