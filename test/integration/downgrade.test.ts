/** The database of a newer tracker: an older one refuses it, says what to do, and leaves it as it is. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { run, temporaryFolder } from '../../packages/cli/src/cli.testkit.ts';
import { MIGRATIONS } from '../../packages/tracker/src/store/migrations.ts';

it.each([
  'WAL',
  'DELETE', // a copy that was made by "shoal backup"
])('an older tracker refuses the database of a newer one, which stays byte for byte (%s)', async (mode) => {
  const dataDir = temporaryFolder();
  await run(['token', 'create', '--role', 'admin', '--name', 'ada', '--data-dir', dataDir]);
  const file = join(dataDir, 'tracker.db');
  const db = new Sqlite(file);
  db.pragma(`journal_mode = ${mode}`);
  db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  const digest = () => createHash('sha256').update(readFileSync(file)).digest('hex');
  const before = digest();
  for (const args of [
    ['tracker', '--insecure', '--listen-port', '0'],
    ['token', 'list'],
  ]) {
    const { code, err } = await run([...args, '--data-dir', dataDir]);
    expect([code, err]).toEqual([1, expect.stringContaining('the data folder was written by a newer tracker')]);
    expect(err).toContain(`version ${MIGRATIONS.length + 1}, this tracker knows ${MIGRATIONS.length}`);
    expect(err).toContain('Start a tracker of that version or newer, or bring the backup from before the upgrade back');
    expect(digest()).toBe(before);
  }
  expect(existsSync(`${file}-wal`)).toBe(false);
});
