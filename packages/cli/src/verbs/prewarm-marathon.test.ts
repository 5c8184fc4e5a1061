import { describe, expect, it } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { startTestTracker, TEST_IMAGE } from '../tracker.testkit.ts';

const container = (image: string) => ({ type: 'DOCKER', docker: { image } });
const APP = { id: '/shop/web', constraints: [['hostname', 'LIKE', 'web-.*']], container: container(TEST_IMAGE) };

async function site() {
  const { agent, env } = await startTestTracker();
  for (const name of ['web-1', 'web-2', 'db-1']) await agent(name, {});
  return async (document: unknown, ...args: string[]) => {
    const cwd = temporaryFolder();
    fileIn(cwd, 'app.json', typeof document === 'string' ? document : JSON.stringify(document));
    return await run(['prewarm', '--marathon-app', 'app.json', ...args], { env, cwd });
  };
}

describe('shoal prewarm --marathon-app', () => {
  it('brings the image onto the hosts that the constraints allow, and waits for them', async () => {
    const prewarm = await site();
    const { code, out } = await prewarm(APP, '--wait');
    expect(code).toBe(0);
    expect(out).toMatch(/^web-1 +ready/m);
    expect(out).toMatch(/2 of 2 hosts ready/);
    expect(out).not.toContain('db-1');
  });

  it('prints the ids of its jobs, or all of the answer as JSON', async () => {
    const prewarm = await site();
    expect((await prewarm(APP)).out).toMatch(/^[0-9a-f]{16}\n$/);
    const { out } = await prewarm({ id: '/shop', apps: [APP, { id: 'job', cmd: 'sleep 1' }] }, '--json', '--wait');
    expect(JSON.parse(out)).toMatchObject({
      jobs: [{ state: 'done', images: [{ reference: TEST_IMAGE }], hosts: [{ name: 'web-1' }, { name: 'web-2' }] }],
      skipped: [{ id: '/shop/job', reason: 'it has no docker image' }],
      failed: [],
    });
  });

  it('takes the terms of an order', async () => {
    const prewarm = await site();
    const { out } = await prewarm(APP, '--json', '--priority', '7', '--percent', '50', '--keep-until', '2099-01-01');
    const [job] = JSON.parse(out).jobs;
    expect(job.terms).toMatchObject({ priority: 7, percent: 50 });
    expect(job.hosts).toHaveLength(1);
  });

  it('ends with 1 when a part of a group cannot be ordered, and says which and why', async () => {
    const prewarm = await site();
    const missing = {
      id: 'missing',
      constraints: [['hostname', 'IS', 'db-1']],
      container: container('registry.test/team/app:2'),
    };
    const nowhere = { ...APP, id: 'nowhere', constraints: [['rack', 'IS', 'r1']] };
    const { code, out, err } = await prewarm({ id: '/shop', apps: [APP, missing, nowhere] });
    expect(code).toBe(1);
    expect(out).toMatch(/^[0-9a-f]{16}\n$/);
    expect(err).toMatch(/^\/shop\/missing: not ordered: .*manifest unknown.*\(UNKNOWN_MANIFEST\)$/m);
    expect(err).toMatch(/^\/shop\/nowhere: not ordered: .*its constraints allow none \(NO_HOSTS\)$/m);
  });

  it('is done when there is nothing to fetch', async () => {
    const prewarm = await site();
    const { code, out, err } = await prewarm({ id: '/job', cmd: 'sleep 1' }, '--wait');
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toContain('/job: nothing to fetch: it has no docker image');
  });

  it('says what is wrong with the file', async () => {
    const prewarm = await site();
    expect(await prewarm('{"id":')).toMatchObject({ code: 2, err: expect.stringContaining('app.json is no JSON: ') });
    expect(await prewarm('"app"')).toMatchObject({ code: 2, err: expect.stringContaining('app.json is no app') });
    const bad = await prewarm({ ...APP, constraints: [['hostname', 'NEAR', 'x']] });
    expect(bad).toMatchObject({ code: 1, err: expect.stringContaining('has an operator that is none of UNIQUE') });
    const other = await prewarm(APP, '--marathon', 'http://other:8080');
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('tracker.yaml has no such Marathon') });
  });

  it.each([
    [['--marathon-app', 'a.json', 'team/app:1'], /give none beside it/],
    [['--marathon-app', 'a.json', '--hosts', 'web-1'], /give none beside it/],
    [['--marathon-app', 'a.json', '--standing'], /give none beside it/],
    [['team/app:1', '--marathon', 'http://m:8080'], /goes with --marathon-app/],
    [[], /give images, or --marathon-app FILE/],
  ])('is used wrongly: %j', async (args, why) => {
    const { code, err } = await run(['prewarm', ...args], { env: { SHOAL_TOKEN: 't' } });
    expect(code).toBe(2);
    expect(err).toMatch(why);
  });

  it('names a file that is not there', async () => {
    const { code, err } = await run(['prewarm', '--marathon-app', 'none.json'], { env: { SHOAL_TOKEN: 't' } });
    expect(code).toBe(1);
    expect(err).toContain('none.json cannot be read (ENOENT)');
  });
});
