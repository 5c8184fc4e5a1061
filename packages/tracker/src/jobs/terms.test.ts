import { describe, expect, it } from 'vitest';
import type { JobView } from '../client/index.ts';
import { createManualClock } from '../clock.testkit.ts';
import { createMemorySource, imageIn, indexOf, layerDigest } from '../memory-source.testkit.ts';
import { reportOf, startTracker, type TestAgent, type TestTracker } from '../tracker.testkit.ts';

const IMAGE = 'registry.test/team/app:1';
const HOUR = 3600_000;
const WINDOWS = { os: 'windows', architecture: 'amd64', osVersion: '10.0.14393.5717' };

/** With a clock that stands still; its hands are the test's. */
async function fleet(options: Parameters<typeof startTracker>[0] = {}) {
  const source = createMemorySource();
  source.tag('team/app:1', imageIn(source));
  const clock = createManualClock();
  const kit = await startTracker({ source, clock, ...options });
  const inHours = (hours: number) => new Date(clock.now() + hours * HOUR).toISOString();
  return { ...kit, kit, clock, inHours };
}

function ends(agent: TestAgent, { id }: Pick<JobView, 'id'>, state: 'ready' | 'failed' = 'ready'): Promise<void> {
  const error = { code: 'DISK_FULL', text: 'the disk is full', retryable: false };
  agent.send({ type: 'report', jobId: id, images: [reportOf(IMAGE, { state, ...(state === 'failed' && { error }) })] });
  return agent.settled();
}

const jobsIn = (agent: TestAgent) => agent.inbox.filter(({ type }) => type === 'job').length;
const closed = ({ client }: Pick<TestTracker, 'client'>, id: string) => client.job(id).then(({ state }) => state);

describe('an order for later', () => {
  it('moves nothing before its time, gives no right, and survives a restart', async () => {
    const { kit, client, clock, inHours } = await fleet();
    const a = await kit.agent('a');
    const job = await client.createJob({ images: [IMAGE], at: inHours(8) });
    expect(job).toMatchObject({ state: 'scheduled', terms: { at: inHours(8) } });
    await kit.restart();
    await a.next('welcome');
    a.send({ type: 'join', request: 1, digest: layerDigest('base'), jobId: job.id });
    expect(await a.next('joinRefused')).toMatchObject({ error: { code: 'FORBIDDEN_BLOB' } });
    expect(jobsIn(a)).toBe(0);
    clock.advance(7.9 * HOUR);
    expect(await closed(kit, job.id)).toBe('scheduled');
    clock.advance(0.2 * HOUR);
    expect(await a.next('job')).toMatchObject({ jobId: job.id });
    expect(await closed(kit, job.id)).toBe('running');
  });

  it('begins soon when the date of the machine is put past its time', async () => {
    const manual = createManualClock();
    let skewMs = 0;
    const { kit, client, inHours } = await fleet({ clock: { ...manual, now: () => manual.now() + skewMs } });
    const a = await kit.agent('a');
    const { id } = await client.createJob({ images: [IMAGE], at: inHours(8) });
    skewMs = 9 * HOUR;
    manual.advance(30_000);
    expect(await a.next('job')).toMatchObject({ jobId: id });
  });

  it.each([
    ['a deadline that is over', { by: -1 }],
    ['a deadline before it begins', { at: 3, by: 2 }],
    ['to be kept until a time that is over', { keepUntil: -1 }],
  ])('with %s is refused', async (_, hours) => {
    const { kit, client, inHours } = await fleet();
    await kit.agent('a');
    const times = Object.fromEntries(Object.entries(hours).map(([key, value]) => [key, inHours(value)]));
    await expect(client.createJob({ images: [IMAGE], ...times })).rejects.toMatchObject({ code: 'INVALID_ORDER' });
  });

  it('tells hosts what it is worth and until when they keep it', async () => {
    const { kit, client, inHours } = await fleet();
    const a = await kit.agent('a');
    const terms = { priority: 7, by: inHours(3), keepUntil: inHours(700), cacheOnly: true };
    await client.createJob({ images: [IMAGE], ...terms });
    expect(await a.next('job')).toMatchObject(terms);
  });

  it('whose deadline the bandwidth policy does not let it keep says so at once', async () => {
    const { kit, client, inHours } = await fleet();
    await kit.agent('a');
    await client.applyPolicy(
      'version: 1\ntimezone: UTC\nrules:\n  - { name: frozen, limit: { per: host, download: 0 } }',
    );
    const { warning } = await client.createJob({ images: [IMAGE], by: inHours(2) });
    expect(warning).toMatch(/^1 of 1 hosts will not be ready by .*the rule "frozen"/);
    expect((await client.createJob({ images: [IMAGE] })).warning).toBeUndefined();
  });
});

describe('hosts of an order', () => {
  it('are those that a selector means, and of these a share that is always the same', async () => {
    const { kit, client } = await fleet();
    for (const [name, env] of [...'abcdefghij'].map((name, index) => [name, index < 8 ? 'prod' : 'fat'] as const)) {
      await kit.agent(name, { labels: { env } });
    }
    const order = { images: [IMAGE], hosts: ['env=prod'] };
    expect((await client.createJob(order)).hosts).toHaveLength(8);
    const shares = await Promise.all([1, 2].map(() => client.createJob({ ...order, percent: 25 })));
    const [first, second] = shares.map(({ hosts }) => hosts.map(({ name }) => name));
    expect(first).toHaveLength(2);
    expect(second).toEqual(first);
    await expect(client.createJob({ images: [IMAGE], hosts: ['env=x'] })).rejects.toMatchObject({ code: 'NO_HOSTS' });
  });

  it('come in waves: the next begins when enough of one are ready', async () => {
    const { kit, client, clock } = await fleet();
    const agents = new Map<string, TestAgent>();
    for (const name of 'abcd') agents.set(name, await kit.agent(name));
    const job = await client.createJob({ images: [IMAGE], waves: { percents: [25, 100] } });
    const canary = job.hosts.find(({ wave }) => wave === 1)?.name as string;
    expect(job.hosts.filter(({ wave }) => wave === 1)).toHaveLength(1);
    for (const [name, agent] of agents) {
      await agent.settled();
      expect(jobsIn(agent), name).toBe(name === canary ? 1 : 0);
    }
    await ends(agents.get(canary) as TestAgent, job);
    clock.advance(1000);
    for (const [name, agent] of agents) if (name !== canary) await agent.next('job');
    expect(await client.job(job.id)).toMatchObject({ wave: { number: 2, of: 2 }, counts: { ready: 1 } });
  });

  it('that fail in the first wave stop the others until somebody resumes', async () => {
    const { kit, client, clock } = await fleet();
    const [a, b] = [await kit.agent('a'), await kit.agent('b')];
    const job = await client.createJob({ images: [IMAGE], waves: { percents: [50, 100] } });
    const [canary, other] = job.hosts[0]?.wave === 1 ? [a, b] : [b, a];
    await ends(canary, job, 'failed');
    clock.advance(1000);
    expect(await client.job(job.id)).toMatchObject({
      state: 'paused',
      warning: expect.stringMatching(/^1 of 1 hosts failed/),
    });
    expect(jobsIn(other)).toBe(0);
    expect(await canary.next('jobClosed')).toMatchObject({ reason: 'paused' });
    await expect(client.actOnJob(job.id, 'retry')).resolves.toMatchObject({ counts: { failed: 0 } });
    await client.actOnJob(job.id, 'resume');
    await canary.next('job');
    await canary.next('job');
    await ends(canary, job);
    clock.advance(1000);
    await other.next('job');
  });
});

describe('a job that is held', () => {
  it('stops on its hosts and goes on when it is resumed, also over a restart', async () => {
    const { kit, client } = await fleet();
    const a = await kit.agent('a');
    const { id } = await client.createJob({ images: [IMAGE] });
    await a.next('job');
    expect(await client.actOnJob(id, 'pause')).toMatchObject({ state: 'paused' });
    expect(await a.next('jobClosed')).toMatchObject({ jobId: id, reason: 'paused' });
    await kit.restart();
    await a.next('welcome');
    await a.settled();
    expect(jobsIn(a)).toBe(0);
    expect(await client.actOnJob(id, 'resume')).toMatchObject({ state: 'running' });
    await a.next('job');
    await ends(a, { id });
    expect(await closed(kit, id)).toBe('done');
    for (const action of ['pause', 'resume'] as const)
      await expect(client.actOnJob(id, action)).rejects.toMatchObject({ code: 'JOB_ENDED' });
  });

  it('that failed is open again when its hosts try again', async () => {
    const { kit, client } = await fleet();
    const [a, b] = [await kit.agent('a'), await kit.agent('b')];
    const job = await client.createJob({ images: [IMAGE] });
    await ends(a, job);
    await ends(b, job, 'failed');
    expect(await closed(kit, job.id)).toBe('failed');
    expect(await client.jobs()).toMatchObject([{ id: job.id, state: 'failed', counts: { ready: 1, failed: 1 } }]);
    await b.next('job');
    await client.actOnJob(job.id, 'retry');
    await b.next('job');
    expect(await client.jobs()).toMatchObject([{ state: 'running', counts: { ready: 1, failed: 0 } }]);
    await ends(b, job);
    expect(await closed(kit, job.id)).toBe('done');
    await expect(client.actOnJob(job.id, 'retry')).rejects.toMatchObject({ code: 'NOTHING_FAILED' });
  });
});

describe('a standing order', () => {
  it('takes in hosts that come to match, with the image it was resolved to, until its time is over', async () => {
    const { kit, client, clock, source, inHours } = await fleet();
    const arm64 = { os: 'linux', architecture: 'arm64' };
    const [amd, arm] = [imageIn(source), imageIn(source, { platform: arm64, layers: [{ name: 'arm', size: 1 }] })];
    const both = indexOf([
      { manifest: amd, platform: { os: 'linux', architecture: 'amd64' } },
      { manifest: arm, platform: arm64 },
    ]);
    source.tag('team/app:1', both);
    const a = await kit.agent('a', { labels: { env: 'prod' } });
    const order = { images: [IMAGE], hosts: ['env=prod'], standing: true, keepUntil: inHours(24) };
    const job = await client.createJob(order);
    await ends(a, job);
    expect(await closed(kit, job.id)).toBe('standing');
    source.tag('team/app:1', imageIn(source, { layers: [{ name: 'new', size: 1 }] }));
    const [b, other] = [
      await kit.agent('b', { labels: { env: 'prod' }, platform: arm64 }),
      await kit.agent('other', { labels: { env: 'fat' } }),
    ];
    expect((await b.next('job')).images[0]?.manifest.digest).toBe(arm.digest);
    await kit.restart();
    await b.next('welcome');
    expect((await b.next('job')).images[0]?.manifest.digest).toBe(arm.digest);
    await ends(b, job);
    expect(await client.job(job.id)).toMatchObject({ state: 'standing', counts: { hosts: 2, ready: 2 } });
    expect(jobsIn(other)).toBe(0);
    clock.advance(25 * HOUR);
    expect(await closed(kit, job.id)).toBe('done');
  });

  it('cannot be for a share of the hosts', async () => {
    const { kit, client } = await fleet();
    await kit.agent('a');
    const order = { images: [IMAGE], standing: true, percent: 10 };
    await expect(client.createJob(order)).rejects.toMatchObject({ code: 'INVALID_ORDER' });
  });
});

describe('an image on the fleet', () => {
  it('is told host by host: what it gets, whether it has it, which job brings it', async () => {
    const { kit, client } = await fleet();
    const [a] = [await kit.agent('a'), await kit.agent('b')];
    await kit.agent('arm', { platform: { os: 'linux', architecture: 'arm64' } });
    const job = await client.createJob({ images: [IMAGE], hosts: ['a', 'b'] });
    await ends(a, job);
    const digest = job.images[0]?.digests[0];
    const { hosts, reference } = await client.coverage('registry.test/team/app:1');
    expect(reference).toBe(IMAGE);
    expect(Object.fromEntries(hosts.map((host) => [host.name, host]))).toMatchObject({
      a: { ready: true, digest, jobs: [] },
      b: { ready: false, digest, jobs: [job.id] },
      arm: { ready: false, error: { code: 'NO_PLATFORM' } },
    });
    kit.source.tag('team/app:1', imageIn(kit.source, { layers: [{ name: 'new', size: 1 }] }));
    expect((await client.coverage(IMAGE, ['a'])).hosts).toMatchObject([{ ready: false }]);
    await expect(client.coverage(IMAGE, ['nobody'])).rejects.toMatchObject({ code: 'NO_HOSTS' });
  });

  it('of another revision than a Windows Server 2016 host is not loaded, unless by force', async () => {
    const { kit, client, source } = await fleet();
    source.tag('team/app:1', imageIn(source, { platform: { ...WINDOWS, osVersion: '10.0.14393.5850' } }));
    const a = await kit.agent('a', { platform: WINDOWS });
    await expect(client.createJob({ images: [IMAGE] })).rejects.toMatchObject({
      code: 'NO_PLATFORM',
      text: expect.stringContaining('10.0.14393.5850, the host is 10.0.14393.5717'),
    });
    expect((await client.coverage(IMAGE)).hosts).toMatchObject([{ error: { code: 'INCOMPATIBLE' } }]);
    await client.createJob({ images: [IMAGE], force: true });
    expect(await a.next('job')).toMatchObject({ force: true });
  });

  it('that is older than its Windows host is outdated, and so is none at all', async () => {
    const { kit, client, source } = await fleet();
    source.tag('team/app:1', imageIn(source, { platform: WINDOWS }));
    const [same, newer] = [
      await kit.agent('same', { platform: WINDOWS }),
      await kit.agent('newer', { platform: { ...WINDOWS, osVersion: '10.0.14393.5850' } }),
    ];
    await kit.agent('none', { platform: WINDOWS });
    await kit.agent('linux');
    const job = await client.createJob({ images: [IMAGE], hosts: ['same,newer'], force: true });
    for (const agent of [same, newer]) await ends(agent, job);
    expect(await client.outdated('registry.test/team/app')).toMatchObject([
      { name: 'newer', imageVersion: WINDOWS.osVersion, reference: IMAGE },
      { name: 'none' },
    ]);
  });
});
