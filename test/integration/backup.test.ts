/** `shoal backup` and `shoal restore`, with a tracker that runs and one that does not. */
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { fileIn, run, temporaryFolder } from '../../packages/cli/src/cli.testkit.ts';
import { startTestTracker, TEST_IMAGE } from '../../packages/cli/src/tracker.testkit.ts';

describe('shoal backup and restore', () => {
  it('copy a running tracker, and bring its tokens and jobs back into another folder', async () => {
    const { agent, dataDir, env } = await startTestTracker();
    await agent('web-1');
    const id = (await run(['prewarm', TEST_IMAGE], { env })).out.trim();
    const file = join(temporaryFolder(), 'shoal.backup');
    const made = await run(['backup', file, '--data-dir', dataDir, '--json']);
    expect(JSON.parse(made.out)).toMatchObject({ file, bytes: statSync(file).size });
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o077).toBe(0);
    expect((await run(['job', id], { env })).code).toBe(0);
    const place = join(temporaryFolder(), 'new');
    const restored = await run(['restore', file, '--data-dir', place]);
    expect(restored).toMatchObject({ code: 0, err: expect.stringContaining('tokens revoked then are good again') });
    expect((await run(['token', 'list', '--data-dir', place])).out).toContain('web-1');
    const db = new Sqlite(join(place, 'tracker.db'));
    expect(db.prepare('SELECT id FROM jobs').pluck().all()).toEqual([id]);
    db.close();
  });

  it('has all that was written when it began, whatever is written meanwhile', async () => {
    const { dataDir } = await startTestTracker();
    const create = (name: string) =>
      run(['token', 'create', '--role', 'reader', '--name', name, '--data-dir', dataDir]);
    for (let number = 0; number < 20; number++) await create(`before-${number}`);
    const file = join(temporaryFolder(), 'b');
    const [{ code }] = await Promise.all([run(['backup', file, '--data-dir', dataDir]), create('meanwhile')]);
    expect(code).toBe(0);
    const db = new Sqlite(file, { readonly: true });
    expect(db.prepare("SELECT count(*) FROM tokens WHERE name LIKE 'before-%'").pluck().get()).toBe(20);
    db.close();
  });

  it('refuses to restore while a tracker runs there, and changes nothing', async () => {
    const { dataDir, env } = await startTestTracker();
    const file = join(temporaryFolder(), 'b');
    await run(['backup', file, '--data-dir', dataDir]);
    const { code, err } = await run(['restore', file, '--data-dir', dataDir]);
    expect([code, err]).toEqual([1, expect.stringContaining('a tracker runs on this data folder; stop it')]);
    expect(readdirSync(dataDir).filter((name) => /part|before/.test(name))).toEqual([]);
    expect((await run(['jobs'], { env })).code).toBe(0);
  });

  it('keeps what was there, and goes over a database that is broken', async () => {
    const dataDir = join(temporaryFolder(), 'tracker');
    const file = join(temporaryFolder(), 'b');
    await run(['token', 'create', '--role', 'admin', '--name', 'ada', '--data-dir', dataDir]);
    await run(['backup', file, '--data-dir', dataDir]);
    writeFileSync(join(dataDir, 'tracker.db'), 'garbage');
    expect((await run(['restore', file, '--data-dir', dataDir])).code).toBe(0);
    expect((await run(['token', 'list', '--data-dir', dataDir])).out).toContain('ada');
    expect(existsSync(join(dataDir, 'tracker.db.before-restore'))).toBe(true);
  });

  it('refuses what is no backup, and one of a newer version', async () => {
    const dataDir = join(temporaryFolder(), 'tracker');
    const garbage = fileIn(temporaryFolder(), 'garbage', 'no database');
    const refused = await run(['restore', garbage, '--data-dir', dataDir]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("no whole copy of a tracker's database") });
    const other = join(temporaryFolder(), 'other');
    const restoreOther = () => run(['restore', join(other, 'tracker.db'), '--data-dir', dataDir]);
    await run(['token', 'create', '--role', 'admin', '--name', 'ada', '--data-dir', other]);
    const db = new Sqlite(join(other, 'tracker.db'));
    db.pragma('user_version = 999');
    expect(await restoreOther()).toMatchObject({ code: 1, err: expect.stringContaining('it is in use') });
    db.pragma('journal_mode = DELETE');
    db.close();
    expect(await restoreOther()).toMatchObject({ code: 1, err: expect.stringContaining('written by a newer tracker') });
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('says what to do about files that are there, or not', async () => {
    const dataDir = join(temporaryFolder(), 'tracker');
    expect((await run(['backup', 'b', '--data-dir', dataDir])).err).toMatch(/no tracker's database.*--data-dir/);
    await run(['token', 'create', '--role', 'admin', '--name', 'ada', '--data-dir', dataDir]);
    const taken = fileIn(temporaryFolder(), 'taken', 'mine');
    expect((await run(['backup', taken, '--data-dir', dataDir])).err).toContain('is there already');
    expect((await run(['restore', 'none', '--data-dir', dataDir])).err).toContain('is not there');
  });
});
