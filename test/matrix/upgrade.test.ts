/**
 * A tracker over the database of an older version while hundreds of agents come back: no job is lost, whatever its
 * state, also when it is killed in the middle of a migration or of the rush.
 */
import { copyFileSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { MIGRATIONS } from '../../packages/tracker/src/store/migrations.ts';
import { tempDir } from '../support/cleanup.ts';
import { makeImage } from '../support/image.ts';
import { type LoadSessions, startLoad } from '../support/load-sessions.ts';
import { makeOldDatabase, schemaOf } from '../support/old-database.ts';
import { startService } from '../support/process.ts';
import { type ShoalSite, startSite } from '../support/shoal.ts';
import { waitFor } from '../support/wait.ts';

const IMAGE = 'harbor.test/team/app:1';
const SESSIONS = 240;
const GROUPS = ['run', 'waves', 'standing', 'done'] as const;
/** The first schema with all states of jobs. Migrations are never changed, so this stays what it is. */
const WITH_TERMS = 5;
const TRACKER_DIST = new URL('../../packages/tracker/dist/store/', import.meta.url);
const DAY_MS = 86_400_000;

type Name = 'running' | 'waves' | 'scheduled' | 'paused' | 'standing' | 'done' | 'cancelled';

let site: ShoalSite;
let load: LoadSessions;
let jobs: Record<Name, string>;
/** The filled database, closed. */
let filled: string;
let file: string;

beforeAll(async () => {
  const image = await makeImage({ baseBytes: 1 << 20, middleBytes: 1 << 16 });
  const tls = selfSignedCertificate();
  site = await startSite({ registries: [{ host: 'harbor.test', layout: image.layout }], tls });
  file = join(site.dataDir, 'tracker.db');
  const { token } = await site.client.createToken({ role: 'agent', name: 'load' });
  load = startLoad({ url: site.url, token, ca: tls.cert, groups: GROUPS, count: SESSIONS });
  await allConnected();
  jobs = await orderJobs();
  await site.tracker.kill();
  filled = join(await tempDir('filled'), 'tracker.db');
  for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, `${filled}${end}`);
}, 120_000);

beforeEach(() => load.rest());

/** One of each state, the running ones reported on by their hosts. */
async function orderJobs(): Promise<Record<Name, string>> {
  const order = async (group: string, terms: object = {}): Promise<string> =>
    (await site.client.createJob({ images: [IMAGE], hosts: [`group=${group}`], ...terms })).id;
  const made = {
    running: await order('run'),
    waves: await order('waves', { waves: { percents: [10, 100] } }),
    scheduled: await order('run', { at: new Date(Date.now() + DAY_MS).toISOString() }),
    paused: await order('run'),
    standing: await order('standing', { standing: true }),
    done: await order('done'),
    cancelled: await order('run'),
  };
  await site.client.actOnJob(made.paused, 'pause');
  await site.client.actOnJob(made.cancelled, 'cancel');
  for (const group of ['standing', 'done']) load.finish(group);
  await waitFor('jobs in all states', async () => {
    const [done, standing, running] = [await stateOf(made.done), await stateOf(made.standing), made.running];
    const { hosts } = await site.client.job(running);
    return done === 'done' && standing === 'standing' && hosts.every(({ images }) => images[0]?.state === 'fetching');
  });
  return made;
}

const STATES: Record<Name, string> = {
  running: 'running',
  waves: 'running',
  scheduled: 'scheduled',
  paused: 'paused',
  standing: 'standing',
  done: 'done',
  cancelled: 'cancelled',
};

async function stateOf(id: string): Promise<string> {
  return (await site.client.job(id)).state;
}

async function statesOf(names: readonly Name[]): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await stateOf(jobs[name])] as const)));
}

const ALL = Object.keys(STATES) as Name[];

async function allConnected(): Promise<void> {
  await waitFor(
    () => `${SESSIONS} sessions; ${load.connected()} are there, refused: ${load.refused[0]}`,
    () => load.connected() === SESSIONS,
    60_000,
  );
}

/** Every job as it was, every session back, and what runs goes on to its end. */
async function expectNothingLost(): Promise<void> {
  expect(schemaOf(file)).toBe(MIGRATIONS.length);
  expect(await statesOf(ALL)).toEqual(STATES);
  await allConnected();
  expect(load.refused).toEqual([]);
  for (const group of ['run', 'waves']) load.finish(group);
  await waitFor('running jobs to end', async () => {
    const { running, waves } = await statesOf(['running', 'waves']);
    return running === 'done' && waves === 'done';
  });
  expect((await site.client.job(jobs.running)).hosts.map(({ state }) => state)).toEqual(
    new Array(SESSIONS / GROUPS.length).fill('ready'),
  );
  expect(await statesOf(['scheduled', 'paused', 'standing'])).toEqual({
    ...{ scheduled: 'scheduled', paused: 'paused', standing: 'standing' },
  });
  await site.client.actOnJob(jobs.paused, 'resume');
  await waitFor('the resumed job to end', async () => (await stateOf(jobs.paused)) === 'done');
}

describe('a tracker over the database of an older version, under load', () => {
  it('has all jobs in their states, and ends those that run', async () => {
    makeOldDatabase({ from: filled, to: file, schema: WITH_TERMS });
    const before = load.welcomes();
    await site.restartTracker();
    await expectNothingLost();
    expect(load.welcomes() - before).toBeGreaterThanOrEqual(SESSIONS);
  });

  it('of the first schema of all goes on with the jobs that there were then', async () => {
    makeOldDatabase({ from: filled, to: file, schema: 1, jobs: [jobs.running, jobs.done, jobs.cancelled] });
    await site.restartTracker();
    expect(schemaOf(file)).toBe(MIGRATIONS.length);
    expect(await statesOf(['running', 'done', 'cancelled'])).toEqual({
      ...{ running: 'running', done: 'done', cancelled: 'cancelled' },
    });
    await allConnected();
    load.finish('run');
    await waitFor('the running job to end', async () => (await stateOf(jobs.running)) === 'done');
  });

  it('that is killed in the middle of a migration leaves it undone, and the next start makes it', async () => {
    makeOldDatabase({ from: filled, to: file, schema: WITH_TERMS });
    await killInMigration();
    expect(schemaOf(file)).toBe(WITH_TERMS);
    await site.restartTracker();
    await expectNothingLost();
  });

  it('that is killed as its agents rush in loses nothing', async () => {
    makeOldDatabase({ from: filled, to: file, schema: WITH_TERMS });
    const before = load.welcomes();
    const starting = site.restartTracker();
    await waitFor('a part of the sessions', () => load.welcomes() - before > SESSIONS / 4);
    await starting;
    await site.tracker.kill();
    await site.restartTracker();
    await expectNothingLost();
  });
});

/** The product's own migration, made long by rows that never end, in a process that is killed while it writes. */
async function killInMigration(): Promise<void> {
  const program = `
    import Sqlite from 'better-sqlite3';
    import { migrate } from '${new URL('database.js', TRACKER_DIST)}';
    import { MIGRATIONS } from '${new URL('migrations.js', TRACKER_DIST)}';
    const db = new Sqlite(${JSON.stringify(file)});
    db.pragma('cache_size = 10'); // so that what is not committed is on the disk already
    const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, randomblob(1000) FROM n';
    migrate(db, [...MIGRATIONS.slice(0, ${WITH_TERMS}), MIGRATIONS[${WITH_TERMS}] + '; CREATE TABLE endless AS ' + endless]);`;
  const migrating = startService(process.execPath, ['--input-type=module', '-e', program]);
  const log = `${file}-wal`;
  await waitFor(
    () => `a migration under way: ${migrating.output.join('\n')}`,
    () => existsSync(log) && statSync(log).size > 1 << 20,
  );
  await migrating.kill();
}
