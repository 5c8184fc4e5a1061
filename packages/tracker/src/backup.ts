/**
 * A copy of the tracker's database while it runs, and the way back. Decides what a good copy is and when nobody may be
 * using the folder. The copy is as secret as the database: the tracker's private key is in it.
 */
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { TrackerError } from './errors.ts';
import { DATABASE_FILE, requireAlone } from './store/database.ts';
import { MIGRATIONS } from './store/migrations.ts';

export interface BackupFacts {
  bytes: number;
  /** Of the tables; a tracker opens its own and older ones. */
  schemaVersion: number;
}

/** What was there before a restore, beside it. */
export const BEFORE_RESTORE_FILE = `${DATABASE_FILE}.before-restore`;

/** Tables that every tracker has had. */
const TABLES = ['settings', 'tokens', 'agents', 'jobs'];
const ALL_PAGES = 1 << 30;

/** `file` must not be there yet. Throws TrackerError NO_DATABASE, BAD_BACKUP, and the system's errors (EEXIST …). */
export async function backupTracker(dataDir: string, file: string): Promise<BackupFacts> {
  const source = join(dataDir, DATABASE_FILE);
  if (!existsSync(source)) throw new TrackerError('NO_DATABASE', `${source} is not there`);
  closeSync(openSync(file, 'wx', 0o600));
  try {
    // Not by openDatabase: a newer command must not migrate what an older tracker is using.
    const db = new Sqlite(source, { readonly: true, timeout: 5000 });
    try {
      // All at once: SQLite begins anew whenever another process writes between two steps.
      await db.backup(file, { progress: () => ALL_PAGES });
    } finally {
      db.close();
    }
    const copy = new Sqlite(file);
    copy.pragma('journal_mode = DELETE'); // one file, without a log beside it
    copy.close();
    return checkBackup(file);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
}

/** Throws TrackerError BAD_BACKUP, NEWER_DATABASE, TRACKER_RUNS; then the folder is as it was. */
export function restoreTracker(file: string, dataDir: string): BackupFacts {
  const place = join(dataDir, DATABASE_FILE);
  const part = `${place}.part`;
  mkdirSync(dataDir, { recursive: true });
  rmSync(part, { force: true });
  closeSync(openSync(part, 'wx', 0o600));
  try {
    copyFileSync(file, part);
    const facts = checkBackup(part);
    if (existsSync(place)) {
      requireUnused(place);
      renameSync(place, join(dataDir, BEFORE_RESTORE_FILE));
    }
    renameSync(part, place);
    return facts;
  } finally {
    for (const name of [part, `${part}-wal`, `${part}-shm`]) rmSync(name, { force: true });
  }
}

function checkBackup(file: string): BackupFacts {
  const facts = { bytes: statSync(file).size, schemaVersion: readVersion(file) };
  if (facts.schemaVersion <= MIGRATIONS.length) return facts;
  throw new TrackerError('NEWER_DATABASE', `version ${facts.schemaVersion}, this one knows ${MIGRATIONS.length}`);
}

function readVersion(file: string): number {
  let db: Sqlite.Database | undefined;
  try {
    db = new Sqlite(file, { readonly: true });
    const verdict = db.pragma('quick_check', { simple: true });
    // The newest of it may lie in a file beside.
    if (db.pragma('journal_mode', { simple: true }) === 'wal')
      throw new Error('it is in use: "shoal backup" copies it');
    if (verdict !== 'ok') throw new Error(String(verdict));
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all();
    const missing = TABLES.filter((name) => !tables.includes(name));
    if (missing.length > 0) throw new Error(`no table ${missing.join(', ')}`);
    return db.pragma('user_version', { simple: true }) as number;
  } catch (error) {
    throw new TrackerError('BAD_BACKUP', (error as Error).message);
  } finally {
    db?.close();
  }
}

function requireUnused(place: string): void {
  const db = new Sqlite(place, { timeout: 0 });
  try {
    requireAlone(db, place);
  } catch (error) {
    // A database that is broken is what a restore is for.
    if (error instanceof TrackerError) throw error;
  } finally {
    db.close();
  }
}
