/**
 * Tokens without a running tracker, for `shoal token`: straight into the database.
 * A tracker that runs on the same folder sees the change at its next look.
 */
import type { TokenRequest, TokenView } from './client/api-schemas.ts';
import { type Database, openDatabase } from './store/database.ts';
import { createTokenStore, viewOfToken } from './store/token-store.ts';

/** Returns the token; it cannot be had again. */
export function createToken(dataDir: string, owner: TokenRequest): string {
  return withDatabase(dataDir, (db) => createTokenStore(db).create(owner, Date.now()).token);
}

export function listTokens(dataDir: string): TokenView[] {
  return withDatabase(dataDir, (db) => createTokenStore(db).list(Date.now()).map(viewOfToken));
}

/** False when there is none with this id. Sessions that run with it end at their next heartbeat. */
export function revokeToken(dataDir: string, id: string): boolean {
  return withDatabase(dataDir, (db) => createTokenStore(db).revoke(id));
}

function withDatabase<T>(dataDir: string, use: (db: Database) => T): T {
  const db = openDatabase(dataDir);
  try {
    return use(db);
  } finally {
    db.close();
  }
}
