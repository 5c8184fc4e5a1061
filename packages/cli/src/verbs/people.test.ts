import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { reportOf, startTestTracker, TEST_IMAGE } from '../tracker.testkit.ts';

describe('shoal prewarm', () => {
  it('prints the id of the job it made', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1');
    const { code, out } = await run(['prewarm', TEST_IMAGE], { env });
    expect(code).toBe(0);
    const shown = await run(['job', out.trim(), '--json'], { env });
    expect(JSON.parse(shown.out)).toMatchObject({ id: out.trim(), class: 'prewarm', hosts: [{ name: 'web-1' }] });
  });

  it('with --wait ends with 0 when every host is ready, and shows each', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1', { state: 'ready', exit: 'engine', imageId: `sha256:${'a'.repeat(64)}` });
    await agent('web-2', { state: 'ready', wantedBytes: 0, haveBytes: 0, peerBytes: 0, archiveBytes: 0 });
    const { code, out } = await run(['prewarm', TEST_IMAGE, '--wait'], { env });
    expect(code).toBe(0);
    expect(out).toMatch(/^web-1 +ready +1\.0 MB +1\.0 MB +0 B +1\.0 MB +sha256:a+$/m);
    expect(out).toMatch(/^web-2 +ready .*was there already$/m);
    expect(out).toMatch(/^job \w+ done: 2 of 2 hosts ready/m);
  });

  it('with --wait ends with 1 when a host failed, and says why', async () => {
    const { agent, env } = await startTestTracker();
    const error = { code: 'DISK_FULL', text: 'the disk is full\u001b[2J', retryable: false };
    await agent('web-1');
    await agent('web-2', { state: 'failed', error });
    const { code, out } = await run(['prewarm', TEST_IMAGE, '--hosts', 'web-2', '--wait'], { env });
    expect(code).toBe(1);
    expect(out).toMatch(/^web-2 +failed .*the disk is full \[2J \(DISK_FULL\)$/m);
    expect(out).not.toContain('web-1');
  });

  it('with --wait --json prints the last view of the job, alone on stdout', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1', {});
    const { code, out, err } = await run(['prewarm', TEST_IMAGE, '--wait', '--json'], { env });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ state: 'done', hosts: [{ state: 'ready' }] });
    expect(err).toContain('1 of 1 hosts ready');
  });

  it('passes on what the registry said', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1');
    const text = await run(['prewarm', 'registry.test/team/app:2'], { env });
    expect(text.code).toBe(1);
    expect(text.err).toMatch(
      /^shoal: the registry, asked by the tracker: .*The registry said: "manifest unknown"\.\n$/,
    );
    const json = await run(['prewarm', 'registry.test/team/app:2', '--json'], { env });
    expect(JSON.parse(json.out)).toMatchObject({
      error: { code: 'UNKNOWN_MANIFEST', source: 'registry', retryable: false },
    });
    expect(json.err).toBe('');
  });

  it('says what to do when no host matches', async () => {
    const { env } = await startTestTracker();
    const { code, err } = await run(['prewarm', TEST_IMAGE, '--hosts', 'db-*'], { env });
    expect(code).toBe(1);
    expect(err).toMatch(/^shoal: the tracker says: no known host matches.*"shoal hosts" lists/);
  });

  it.each([
    [['prewarm']],
    [['prewarm', 'bad ref']],
    [['prewarm', 'a', '--hosts', 'b,,c']],
    [['prewarm', 'a', '--wat']],
  ])('is used wrongly: %j', async (args) => {
    const { code, out, err } = await run(args, { env: { SHOAL_TOKEN: 't' } });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^shoal: .+\n$/);
  });
});

describe('an order with terms', () => {
  it('says them as the tracker takes them', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1');
    const terms = ['--at', '2099-01-01T22:00Z', '--by', '2099-01-02T06:00Z', '--priority', '-3', '--waves', '10,100'];
    const more = ['--stop-at', '5', '--keep-until', '2099-02-01T00:00Z', '--cache-only', '--hosts', 'zone=a'];
    const { out } = await run(['prewarm', TEST_IMAGE, ...terms, ...more, '--json'], { env });
    expect(JSON.parse(out)).toMatchObject({
      ...{ state: 'scheduled', selectors: ['zone=a'] },
      terms: {
        ...{ at: '2099-01-01T22:00:00.000Z', by: '2099-01-02T06:00:00.000Z', priority: -3, cacheOnly: true },
        ...{ waves: { percents: [10, 100], goOnAt: 90, stopAt: 5 }, keepUntil: '2099-02-01T00:00:00.000Z' },
      },
    });
    const shown = await run(['jobs'], { env });
    expect(shown.out).toMatch(/ scheduled +prewarm +0\/1/);
  });

  it('is held and resumed', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1');
    const id = (await run(['prewarm', TEST_IMAGE], { env })).out.trim();
    expect((await run(['job', id, 'pause'], { env })).out).toContain(`job ${id} paused`);
    expect((await run(['job', id, 'resume'], { env })).out).toContain(`job ${id} running`);
    expect(await run(['job', id, 'retry'], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining('no host of this job failed'),
    });
  });

  it.each([
    ['--at', 'soon'],
    ['--percent', '0'],
    ['--waves', '1,x'],
    ['--priority', 'high'],
    ['--keep-until', '99'],
  ])('is used wrongly: %s %s', async (...args) => {
    const { code, err } = await run(['prewarm', 'a', ...args], { env: { SHOAL_TOKEN: 't' } });
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/^shoal: .*Write .+\n$/) });
  });
});

describe('shoal wait and shoal hosts --image', () => {
  it('end well once an open job has brought the image', async () => {
    const { agent, env } = await startTestTracker();
    const [first] = [await agent('web-1'), await agent('web-2', {})];
    const id = (await run(['prewarm', TEST_IMAGE], { env })).out.trim();
    const waiting = run(['wait', TEST_IMAGE, '--hosts', 'web-*'], { env });
    const other = await run(['wait', TEST_IMAGE, '--hosts', 'web-2'], { env });
    expect(other).toMatchObject({ code: 0, out: expect.stringContaining('is on 1 of 1 hosts') });
    expect((await run(['hosts', '--image', TEST_IMAGE], { env })).out).toMatch(
      new RegExp(`^web-1 +linux/amd64 +sha256:\\w+ +on its way \\(${id}\\)`, 'm'),
    );
    first?.send({ type: 'report', jobId: id, images: [reportOf(TEST_IMAGE)] });
    expect(await waiting).toMatchObject({ code: 0, out: expect.stringContaining('is on 2 of 2 hosts') });
  });

  it('end badly where nobody brings it, where it fails, and when the time is over', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1');
    const nobody = await run(['wait', TEST_IMAGE], { env });
    expect(nobody).toMatchObject({ code: 1, err: expect.stringContaining(`shoal prewarm ${TEST_IMAGE}`) });
    await run(['prewarm', TEST_IMAGE], { env });
    const late = await run(['wait', TEST_IMAGE, '--timeout', '1s', '--json'], { env });
    expect({ code: late.code, hosts: JSON.parse(late.out).hosts }).toMatchObject({
      code: 1,
      hosts: [{ ready: false }],
    });
  });

  it('name Windows hosts that are behind', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1');
    const { out } = await run(['hosts', '--outdated', TEST_IMAGE], { env });
    expect(out).toBe('every Windows host has a base image as new as itself\n');
    expect(await run(['hosts', '--outdated', 'a', '--image', 'b'], { env })).toMatchObject({ code: 2 });
    expect(await run(['hosts', '--hosts', 'a'], { env })).toMatchObject({ code: 2 });
  });
});

describe('shoal jobs, job and hosts', () => {
  it('list what the tracker knows, as text and in the shape of its API', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1', {});
    const id = (await run(['prewarm', TEST_IMAGE], { env })).out.trim();
    await run(['job', id, '--watch'], { env });
    const jobs = await run(['jobs'], { env });
    expect(jobs.out).toMatch(new RegExp(`^${id} +done +prewarm +1/1 .* ${TEST_IMAGE}$`, 'm'));
    expect(JSON.parse((await run(['jobs', '--json'], { env })).out)).toMatchObject([{ id, state: 'done' }]);
    const hosts = await run(['hosts'], { env });
    expect(hosts.out).toMatch(/^web-1 +agent +online +linux\/amd64 +none .*zone=a +1\.2\.3$/m);
    expect(JSON.parse((await run(['hosts', '--json'], { env })).out)).toMatchObject([{ name: 'web-1', online: true }]);
  });

  it('let go of a host that is gone, and of no other', async () => {
    const { env, agent } = await startTestTracker();
    const session = await agent('web-1');
    expect(await run(['hosts', '--forget', 'web-1'], { env })).toMatchObject({ code: 1 });
    const unknown = await run(['hosts', '--forget', 'web-9'], { env });
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('no host is called web-9')]);
    await session.close();
    const forget = async () => (await run(['hosts', '--forget', 'web-1'], { env })).out;
    await expect.poll(forget).toBe('forgot web-1\n');
    expect(JSON.parse((await run(['hosts', '--json'], { env })).out)).toEqual([]);
  });

  it('cancel a job that runs, and not one that has ended', async () => {
    const { agent, env } = await startTestTracker();
    await agent('web-1');
    const id = (await run(['prewarm', TEST_IMAGE], { env })).out.trim();
    const cancelled = await run(['job', id, 'cancel', '--json'], { env });
    expect(JSON.parse(cancelled.out)).toMatchObject({ id, state: 'cancelled' });
    expect(await run(['job', id, 'cancel'], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining('the job has already ended'),
    });
    expect((await run(['job', id, '--watch'], { env })).code).toBe(1);
  });

  it('say which token is needed', async () => {
    const { env, tracker } = await startTestTracker();
    expect(await run(['jobs'], { env: { SHOAL_TRACKER: tracker.url } })).toMatchObject({
      code: 2,
      err: expect.stringContaining('shoal token create --role admin'),
    });
    const tokenFile = fileIn(temporaryFolder(), 'token', 'wrong');
    const { code, err } = await run(['jobs', '--token-file', tokenFile], { env: { ...env, SHOAL_TOKEN: '' } });
    expect(code).toBe(1);
    expect(err).toMatch(/^shoal: the tracker says: the token is missing or unknown\. Give a token/);
  });

  it('may be asked by a reader, who may not order', async () => {
    const { tracker, agent, env } = await startTestTracker();
    await agent('web-1');
    const reader = { ...env, SHOAL_TOKEN: tracker.createToken('reader', 'r') };
    expect((await run(['hosts'], { env: reader })).code).toBe(0);
    const { code, err } = await run(['prewarm', TEST_IMAGE], { env: reader });
    expect(code).toBe(1);
    expect(err).toContain('Use a token of the role admin.');
  });

  it('name the address when no tracker answers', async () => {
    const { code, err } = await run(['jobs', '--tracker', 'http://127.0.0.1:1'], { env: { SHOAL_TOKEN: 't' } });
    expect(code).toBe(1);
    expect(err).toMatch(/^shoal: no answer from the tracker at http:\/\/127\.0\.0\.1:1/);
    expect(await run(['jobs', '--tracker', 'tracker:7600'], { env: { SHOAL_TOKEN: 't' } })).toMatchObject({ code: 2 });
  });
});

/** The control API of an agent as far as the verbs use it. */
const free = { download: null, upload: null };
const byNight = { bytesPerSecond: 60_000_000, rule: 'by night' };

async function startControlApi(name: string, trackerUrl: string) {
  const dataDir = temporaryFolder();
  fileIn(dataDir, 'control.token', 'c0ntrol');
  const status = {
    ...{ name, peerId: 'p', version: '1.2.3', role: 'agent', peerPort: 7610, connections: 2, closeReasons: {} },
    tracker: { url: trackerUrl, state: 'connected' },
    traffic: { sentBytes: 1000, receivedBytes: 2000, remoteBytes: 0, originBytes: 0 },
    limits: {
      ...{ policyVersion: 3, unknownLink: [], link: { bytesPerSecond: 125_000_000, interfaces: ['eth0'] } },
      rates: { pull: { ...free, upload: byNight }, prewarm: free, seed: free },
      shared: [{ per: 'zone', key: 'ingress', bytesPerSecond: 125_000_000, rule: 'racks', classes: [], part: 0.2 }],
      yield: null,
      measured: { business: { download: 2_000_000, upload: 0 }, own: { download: 0, upload: 0 } },
    },
    proxy: {
      ...{ port: 7620, certFile: '/data/proxy-ca.crt', sentBytes: { cache: 1000, swarm: 2000, registry: 0 } },
      pulls: [
        {
          ...{ digest: 'sha256:ab', registry: 'harbor.test', repository: 'team/app', source: 'swarm', clients: 2 },
          ...{ bytes: 4_000_000, heldBytes: 1_000_000 },
        },
      ],
    },
    cache: {
      ...{ blobs: 3, bytes: 7_500_000_000, budgetBytes: 5_000_000_000, overBudgetBytes: 2_500_000_000 },
      ...{ evictedBlobs: 1, evictedBytes: 1 },
    },
    blobs: [],
    jobs: [],
  };
  const server = createServer((request, response) => {
    const known = request.headers.authorization === 'Bearer c0ntrol' && request.url === '/v1/status';
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify(status));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return ['--data-dir', dataDir, '--control-port', String((server.address() as AddressInfo).port)];
}

describe('shoal pull', () => {
  it('brings the image onto this host alone, through the tracker of its agent', async () => {
    const { agent, env, tracker } = await startTestTracker();
    await agent('web-1', {});
    await agent('web-2', {});
    const place = await startControlApi('web-2', tracker.url);
    const { code, out } = await run(['pull', TEST_IMAGE, '--json', ...place], {
      env: { SHOAL_TOKEN: env.SHOAL_TOKEN ?? '' },
    });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ class: 'pull', state: 'done', hosts: [{ name: 'web-2' }] });
  });
});

describe('shoal status', () => {
  it('asks the agent of this host', async () => {
    const place = await startControlApi('web-1', 'http://tracker.test');
    const { code, out } = await run(['status', ...place]);
    expect(code).toBe(0);
    expect(out).toMatch(/^AGENT +web-1$/m);
    expect(out).toMatch(/^policy +version 3$/m);
    expect(out).toMatch(/^cache +7\.5 GB of 5\.0 GB in 3 blobs; 2\.5 GB too much, .*raise cache\.budget$/m);
    expect(out).toMatch(/^link +125\.0 MB\/s \(eth0\)$/m);
    expect(out).toMatch(/^business traffic +2\.0 MB\/s in, 0\.0 kB\/s out$/m);
    expect(out).toMatch(/^pull +no limit +60\.0 MB\/s +by night$/m);
    expect(out).toMatch(/^harbor\.test\/team\/app +sha256:ab +25 % of 4\.0 MB +swarm +2$/m);
    expect(out).toMatch(/^zone ingress +25\.0 MB\/s of 125\.0 MB\/s +racks$/m);
    expect(JSON.parse((await run(['status', '--json', ...place])).out)).toMatchObject({ name: 'web-1' });
  });

  it('asks the tracker with --tracker, wherever that is', async () => {
    const { env } = await startTestTracker();
    const { out } = await run(['status', '--tracker', '--json'], { env });
    expect(JSON.parse(out)).toMatchObject({ version: '1.2.3', agents: { online: 0 } });
  });

  it('says what is missing when there is no agent', async () => {
    const folder = temporaryFolder();
    const noToken = await run(['status', '--data-dir', folder]);
    expect(noToken).toMatchObject({ code: 1, err: expect.stringContaining('no control token at') });
    fileIn(folder, 'control.token', 'old');
    const noAgent = await run(['status', '--data-dir', folder, '--control-port', '1']);
    expect(noAgent).toMatchObject({ code: 1, err: expect.stringContaining('no agent answers at http://127.0.0.1:1') });
    const [, , , port = ''] = await startControlApi('web-1', 'http://tracker.test');
    const otherAgent = await run(['status', '--data-dir', folder, '--control-port', port]);
    expect(otherAgent).toMatchObject({ code: 1, err: expect.stringContaining('answered 401') });
  });
});

describe('shoal logs', () => {
  it('has the events of a job from its hosts, and only the trouble if asked', async () => {
    const { agent, env } = await startTestTracker();
    const [web1, web2] = [await agent('web-1'), await agent('web-2')];
    const id = (await run(['prewarm', TEST_IMAGE], { env })).out.trim();
    const ready = { agoMs: 5, level: 'info', event: 'image ready', reference: TEST_IMAGE } as const;
    const text = 'the disk is full\u001b[2J';
    const failed = { agoMs: 0, level: 'error', event: 'image failed', code: 'DISK_FULL', text } as const;
    web1.send({ type: 'report', jobId: id, images: [reportOf(TEST_IMAGE)], events: [ready] });
    const error = { code: 'DISK_FULL', text, retryable: false };
    web2.send({
      type: 'report',
      jobId: id,
      images: [reportOf(TEST_IMAGE, { state: 'failed', error })],
      events: [failed],
    });
    await run(['job', id, '--watch'], { env });
    const { code, out } = await run(['logs', '--job', id], { env });
    expect(code).toBe(0);
    expect(out).toMatch(/^\S+Z +\(tracker\) +info +job created +2 hosts$/m);
    expect(out).toMatch(/^\S+Z +web-1 +info +image ready +registry\.test\/team\/app:1$/m);
    expect(out).toMatch(/^\S+Z +web-2 +error +image failed +the disk is full \[2J \(DISK_FULL\)$/m);
    const errors = await run(['logs', '--job', id, '--errors', '--json'], { env });
    expect(JSON.parse(errors.out).entries).toMatchObject([{ host: 'web-2', event: 'image failed' }]);
    expect((await run(['logs', '--job', id, '--host', 'web-1'], { env })).out).not.toContain('web-2');
    expect(await run(['logs', '--job', 'none'], { env })).toMatchObject({ code: 1 });
  });
});
