/**
 * Tokens: made, recognised, listed, revoked. The database holds only their SHA-256:
 * a token is 256 random bits, so a slow hash would add nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { TokenRole } from '../client/api-schemas.ts';
import type { Database } from './database.ts';

export interface TokenRecord {
  id: string;
  role: TokenRole;
  name: string;
  createdAtMs: number;
}

export interface TokenStore {
  /** The token itself is returned once and not kept. */
  create(role: TokenRole, name: string, nowMs: number): { id: string; token: string };
  find(token: string): TokenRecord | undefined;
  list(): TokenRecord[];
  /** False when there is none with this id. */
  revoke(id: string): boolean;
}

const COLUMNS = 'id, role, name, created_at AS createdAtMs';

export function createTokenStore(db: Database): TokenStore {
  const insert = db.prepare('INSERT INTO tokens (id, role, name, sha256, created_at) VALUES (?, ?, ?, ?, ?)');
  const byHash = db.prepare<[string], TokenRecord>(`SELECT ${COLUMNS} FROM tokens WHERE sha256 = ?`);
  const all = db.prepare<[], TokenRecord>(`SELECT ${COLUMNS} FROM tokens ORDER BY created_at, id`);
  const remove = db.prepare('DELETE FROM tokens WHERE id = ?');
  return {
    create(role, name, nowMs) {
      const id = randomBytes(6).toString('hex');
      const token = `shoal_${role}_${randomBytes(32).toString('base64url')}`;
      insert.run(id, role, name, hashOf(token), nowMs);
      return { id, token };
    },
    find: (token) => byHash.get(hashOf(token)),
    list: () => all.all(),
    revoke: (id) => remove.run(id).changes > 0,
  };
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
