import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { createToken, listTokens, revokeToken } from '../tokens.ts';
import { temporaryFolder } from '../tracker.testkit.ts';
import { migrate, openDatabase } from './database.ts';
import { MIGRATIONS } from './migrations.ts';
import { loadSecrets } from './settings-store.ts';

describe('a package without the binary of SQLite', () => {
  it.each(['none.node', 'spoilt.node'])('says what to do: %s', (name) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'spoilt.node'), 'for another platform');
    expect(() => openDatabase(folder, join(folder, name))).toThrow(
      expect.objectContaining({ code: 'NO_SQLITE', message: expect.stringContaining('--native FILE') }),
    );
  });
});

describe('migrations', () => {
  it('are applied in order, each once', () => {
    const db = new Sqlite(':memory:');
    migrate(db, ['CREATE TABLE a (x)', 'INSERT INTO a VALUES (1)']);
    migrate(db, ['CREATE TABLE a (x)', 'INSERT INTO a VALUES (1)', 'INSERT INTO a VALUES (2)']);
    expect(db.prepare('SELECT x FROM a').pluck().all()).toEqual([1, 2]);
  });

  it('leave nothing of a step that fails', () => {
    const db = new Sqlite(':memory:');
    expect(() => migrate(db, ['CREATE TABLE a (x); CREATE TABLE a (y)'])).toThrow(/already exists/);
    expect(db.prepare('SELECT count(*) FROM sqlite_master').pluck().get()).toBe(0);
    expect(db.pragma('user_version', { simple: true })).toBe(0);
  });

  it('refuse a database of a newer tracker', () => {
    const db = new Sqlite(':memory:');
    db.pragma('user_version = 9');
    expect(() => migrate(db, [])).toThrow(expect.objectContaining({ code: 'NEWER_DATABASE' }));
  });
});

describe('a database of an older version', () => {
  const oldOne = () => {
    const folder = temporaryFolder();
    const db = new Sqlite(join(folder, 'tracker.db'));
    db.pragma('journal_mode = WAL');
    migrate(db, MIGRATIONS.slice(0, 1));
    return { folder, db };
  };
  const versionOf = (db: Sqlite.Database) => db.pragma('user_version', { simple: true });

  it('is not migrated under the tracker that uses it, whoever opens it', () => {
    const { folder, db } = oldOne();
    for (const open of [() => openDatabase(folder), () => createToken(folder, { role: 'admin', name: 'ada' })])
      expect(open).toThrow(expect.objectContaining({ code: 'TRACKER_RUNS' }));
    expect([versionOf(db), db.pragma('journal_mode', { simple: true })]).toEqual([1, 'wal']);
    db.close();
  });

  it('is migrated when nobody uses it, and then others may open it', () => {
    const { folder, db } = oldOne();
    db.close();
    const [first, second] = [openDatabase(folder), openDatabase(folder)];
    expect(versionOf(first)).toBe(MIGRATIONS.length);
    for (const one of [first, second]) one.close();
  });
});

describe('the database', () => {
  it('is in WAL mode with foreign keys, and its file is for the owner only', () => {
    const folder = temporaryFolder();
    const db = openDatabase(folder);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
    if (process.platform !== 'win32') expect(statSync(join(folder, 'tracker.db')).mode & 0o077).toBe(0);
    db.close();
  });

  it("keeps the tracker's key and secret for good", () => {
    const folder = temporaryFolder();
    const secrets = [1, 2].map(() => {
      const db = openDatabase(folder);
      const { publicKey, swarmSecret } = loadSecrets(db);
      db.close();
      return [publicKey.export({ format: 'jwk' }).x, swarmSecret.toString('hex')];
    });
    expect(secrets[0]).toEqual(secrets[1]);
  });
});

describe('tokens', () => {
  it('are made, listed and revoked without a tracker', () => {
    const folder = temporaryFolder();
    const token = createToken(folder, { role: 'agent', name: 'rack-1' });
    expect(token).toMatch(/^shoal_agent_[\w-]{43}$/);
    const [listed] = listTokens(folder);
    expect(listed).toMatchObject({ role: 'agent', name: 'rack-1' });
    expect(revokeToken(folder, listed?.id ?? '')).toBe(true);
    expect(revokeToken(folder, listed?.id ?? '')).toBe(false);
    expect(listTokens(folder)).toEqual([]);
  });

  it('never reach the disk', () => {
    const folder = temporaryFolder();
    const token = createToken(folder, { role: 'admin', name: 'boss' });
    const files = ['tracker.db', 'tracker.db-wal'].map((name) => join(folder, name)).filter((file) => existsSync(file));
    expect(files.some((file) => readFileSync(file).includes('boss'))).toBe(true);
    expect(files.some((file) => readFileSync(file).includes(token))).toBe(false);
  });
});
