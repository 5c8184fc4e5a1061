/**
 * Tokens: made, recognised, listed, revoked. The database holds only their SHA-256:
 * a token is 256 random bits, so a slow hash would add nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { TokenRole, TokenView } from '../client/api-schemas.ts';
import type { Database } from './database.ts';

export interface TokenRecord {
  id: string;
  role: TokenRole;
  name: string;
  createdAtMs: number;
  /** Null: until it is revoked. */
  expiresAtMs: number | null;
}

/** A token that has expired is as if it had never been. */
export interface TokenStore {
  /** The token itself is returned once and not kept. */
  create(owner: { role: TokenRole; name: string }, nowMs: number, expiresAtMs?: number): { id: string; token: string };
  find(token: string, nowMs: number): TokenRecord | undefined;
  isGood(id: string, nowMs: number): boolean;
  list(nowMs: number): TokenRecord[];
  /** False when there is none with this id. */
  revoke(id: string): boolean;
}

const COLUMNS = 'id, role, name, created_at AS createdAtMs, expires_at AS expiresAtMs';
const IS_GOOD = '(expires_at IS NULL OR expires_at > ?)';

export function createTokenStore(db: Database): TokenStore {
  const insert = db.prepare(
    'INSERT INTO tokens (id, role, name, sha256, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const byHash = db.prepare<[string, number], TokenRecord>(
    `SELECT ${COLUMNS} FROM tokens WHERE sha256 = ? AND ${IS_GOOD}`,
  );
  const byId = db.prepare<[string, number], { id: string }>(`SELECT id FROM tokens WHERE id = ? AND ${IS_GOOD}`);
  const all = db.prepare<[number], TokenRecord>(
    `SELECT ${COLUMNS} FROM tokens WHERE ${IS_GOOD} ORDER BY created_at, id`,
  );
  const purge = db.prepare('DELETE FROM tokens WHERE expires_at <= ?');
  const remove = db.prepare('DELETE FROM tokens WHERE id = ?');
  return {
    create({ role, name }, nowMs, expiresAtMs) {
      purge.run(nowMs);
      const id = randomBytes(6).toString('hex');
      const token = `shoal_${role}_${randomBytes(32).toString('base64url')}`;
      insert.run(id, role, name, hashOf(token), nowMs, expiresAtMs ?? null);
      return { id, token };
    },
    find: (token, nowMs) => byHash.get(hashOf(token), nowMs),
    isGood: (id, nowMs) => byId.get(id, nowMs) !== undefined,
    list: (nowMs) => all.all(nowMs),
    revoke: (id) => remove.run(id).changes > 0,
  };
}

export function viewOfToken({ createdAtMs, expiresAtMs, ...token }: TokenRecord): TokenView {
  const expiresAt = expiresAtMs === null ? undefined : new Date(expiresAtMs).toISOString();
  return { ...token, createdAt: new Date(createdAtMs).toISOString(), ...(expiresAt !== undefined && { expiresAt }) };
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
