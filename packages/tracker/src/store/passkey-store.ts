/**
 * Passkeys: what stands in a foreign client's announce URL and admits it to one swarm. Made, recognised, listed, revoked.
 * The database holds only their SHA-256: a passkey is 160 random bits, so a slow hash would add nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Database } from './database.ts';

export interface PasskeyRecord {
  id: string;
  /** The blob it is for. */
  digest: string;
  /** The name of the host the client runs on, as the operator gave it. */
  host: string;
  createdAtMs: number;
}

export interface PasskeyStore {
  /** 40 hex digits, returned once and not kept. */
  create(digest: string, host: string, nowMs: number): string;
  find(passkey: string): PasskeyRecord | undefined;
  list(): PasskeyRecord[];
  /** False when there is none with this id. */
  revoke(id: string): boolean;
}

const COLUMNS = 'id, digest, host, created_at AS createdAtMs';

export function createPasskeyStore(db: Database): PasskeyStore {
  const insert = db.prepare('INSERT INTO passkeys (id, digest, host, sha256, created_at) VALUES (?, ?, ?, ?, ?)');
  const byHash = db.prepare<[string], PasskeyRecord>(`SELECT ${COLUMNS} FROM passkeys WHERE sha256 = ?`);
  const all = db.prepare<[], PasskeyRecord>(`SELECT ${COLUMNS} FROM passkeys ORDER BY created_at, id`);
  const remove = db.prepare('DELETE FROM passkeys WHERE id = ?');
  return {
    create(digest, host, nowMs) {
      const passkey = randomBytes(20).toString('hex');
      insert.run(randomBytes(6).toString('hex'), digest, host, hashOf(passkey), nowMs);
      return passkey;
    },
    find: (passkey) => byHash.get(hashOf(passkey)),
    list: () => all.all(),
    revoke: (id) => remove.run(id).changes > 0,
  };
}

function hashOf(passkey: string): string {
  return createHash('sha256').update(passkey).digest('hex');
}
