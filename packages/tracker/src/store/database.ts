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
/** Node's, of a native module that is missing, for another platform or for another Node. */
const BINARY_ERRORS: ReadonlySet<string> = new Set(['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED']);
/** `shoal token create` writes while the tracker runs. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * `nativeBinding` is for tests. Throws NO_SQLITE, NEWER_DATABASE, and TRACKER_RUNS where an older tracker uses what is
 * to be migrated: a newer `shoal token` must not change tables under it.
 */
export function openDatabase(dataDir: string, nativeBinding?: string): Database {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, DATABASE_FILE);
  // The file holds the tracker's private key: made for the owner only, before SQLite makes it for all.
  closeSync(openSync(file, 'a', 0o600));
  const db = openFile(file, nativeBinding);
  try {
    const version = refuseNewer(db, MIGRATIONS.length); // first: the mode is written into the file
    if (version > 0 && version < MIGRATIONS.length)
      requireAlone(db, `${file}, by an older one: start that as this version first`);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    migrate(db, MIGRATIONS);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

/** The binary of SQLite is looked for when the first file is opened. */
function openFile(file: string, nativeBinding?: string): Database {
  try {
    return new Sqlite(file, { timeout: BUSY_TIMEOUT_MS, ...(nativeBinding !== undefined && { nativeBinding }) });
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!BINARY_ERRORS.has(code) && !message.startsWith('Could not locate the bindings file')) throw error;
    throw new TrackerError(
      'NO_SQLITE',
      `better_sqlite3.node for ${process.platform}-${process.arch} and Node ${process.versions.node} is missing or another one's: ` +
        'a package for agents alone has none (npm run package -- --native FILE); in a checkout run npm rebuild better-sqlite3',
      { cause: error },
    );
  }
}

/** Each step is one transaction together with the version it leads to. */
export function migrate(db: Database, migrations: readonly string[]): void {
  const apply = db.transaction(() => {
    const version = refuseNewer(db, migrations.length);
    const step = migrations[version];
    if (step === undefined) return false;
    db.exec(step);
    db.pragma(`user_version = ${version + 1}`);
    return true;
  });
  while (apply.immediate());
}

/** Returns the database's version. */
function refuseNewer(db: Database, known: number): number {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > known) throw new TrackerError('NEWER_DATABASE', `version ${version}, this tracker knows ${known}`);
  return version;
}

/** SQLite leaves its write-ahead log only for who is alone with the file, in whatever process the others are. */
export function requireAlone(db: Database, what: string): void {
  try {
    db.pragma('journal_mode = DELETE');
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) throw new TrackerError('TRACKER_RUNS', what);
    throw error;
  }
}
