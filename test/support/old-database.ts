/**
 * A tracker's database as an older version left it: the first migrations of the product, and the rows of one that was
 * filled by the product, as far as the older tables have columns for them.
 */
import { rmSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { migrate } from '../../packages/tracker/src/store/database.ts';
import { MIGRATIONS } from '../../packages/tracker/src/store/migrations.ts';

export interface OldDatabase {
  /** Filled, by a tracker that is not running any more. */
  from: string;
  to: string;
  /** Number of migrations that the older version knew. */
  schema: number;
  /** Jobs that it could have had; default: all. */
  jobs?: readonly string[];
}

const TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";

export function makeOldDatabase({ from, to, schema, jobs }: OldDatabase): void {
  removeDatabase(to);
  const db = new Sqlite(to);
  try {
    db.pragma('journal_mode = WAL');
    migrate(db, MIGRATIONS.slice(0, schema));
    db.pragma('foreign_keys = OFF'); // the order of tables does not matter then
    db.exec(`ATTACH '${from}' AS filled`);
    for (const table of db.prepare<[], string>(TABLES).pluck().all()) {
      const columns = db.prepare<[], string>(`SELECT name FROM pragma_table_info('${table}')`).pluck().all();
      db.exec(`INSERT INTO ${table} (${columns}) SELECT ${columns} FROM filled.${table}`);
    }
    if (jobs !== undefined) keepOnly(db, jobs);
    db.exec('DETACH filled');
    if ((db.pragma('foreign_key_check') as unknown[]).length > 0) throw new Error('the old database has loose ends');
  } finally {
    db.close();
  }
}

/** With what SQLite keeps beside it. */
export function removeDatabase(file: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
}

export function schemaOf(file: string): number {
  const db = new Sqlite(file, { readonly: true });
  try {
    return db.pragma('user_version', { simple: true }) as number;
  } finally {
    db.close();
  }
}

function keepOnly(db: Sqlite.Database, jobs: readonly string[]): void {
  const kept = jobs.map((id) => `'${id}'`).join();
  for (const table of ['job_images', 'job_variants', 'job_hosts'])
    db.exec(`DELETE FROM ${table} WHERE job_id NOT IN (${kept})`);
  db.exec(`DELETE FROM jobs WHERE id NOT IN (${kept})`);
}
