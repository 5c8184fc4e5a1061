/**
 * Opens the tracker's SQLite file: who may read it, how it is written, which migrations it lacks.
 * Does not know what the tables mean; that is one store file each.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { TrackerError } from '../errors.ts';
import { MIGRATIONS } from './migrations.ts';

export type Database = Sqlite.Database;

export const DATABASE_FILE = 'tracker.db';
/** `shoal token create` writes while the tracker runs. */
const BUSY_TIMEOUT_MS = 5_000;

export function openDatabase(dataDir: string): Database {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, DATABASE_FILE);
  // The file holds the tracker's private key: made for the owner only, before SQLite makes it for all.
  closeSync(openSync(file, 'a', 0o600));
  const db = new Sqlite(file, { timeout: BUSY_TIMEOUT_MS });
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.pragma('foreign_keys = ON');
  try {
    migrate(db, MIGRATIONS);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

/** Each step is one transaction together with the version it leads to. */
export function migrate(db: Database, migrations: readonly string[]): void {
  const apply = db.transaction(() => {
    const version = db.pragma('user_version', { simple: true }) as number;
    if (version > migrations.length) {
      throw new TrackerError('NEWER_DATABASE', `version ${version}, this tracker knows ${migrations.length}`);
    }
    const step = migrations[version];
    if (step === undefined) return false;
    db.exec(step);
    db.pragma(`user_version = ${version + 1}`);
    return true;
  });
  while (apply.immediate());
}
