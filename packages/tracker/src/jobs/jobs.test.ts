import { describe, expect, it } from 'vitest';
import type { JobView } from '../client/index.ts';
import { createMemorySource, imageIn, indexOf, layerDigest } from '../memory-source.testkit.ts';
import { blockWrites, hashesOf, reportOf, startTracker } from '../tracker.testkit.ts';

const IMAGE = 'registry.test/team/app:1';
const SIZE = 1_000_000;
const ARM64 = { os: 'linux', architecture: 'arm64' };

async function fleet() {
  const source = createMemorySource();
  source.tag('team/app:1', imageIn(source));
  return await startTracker({ source });
}

async function collect(views: AsyncIterable<JobView>): Promise<JobView[]> {
  const seen: JobView[] = [];
  for await (const view of views) seen.push(view);
  return seen;
}

describe('a new job', () => {
  it('reaches its hosts with manifest and config, and ends when all are ready', async () => {
    const kit = await fleet();
    const [a, b] = [await kit.agent('a'), await kit.agent('b')];
    const created = await kit.client.createJob({ images: [IMAGE] });
    expect(created).toMatchObject({ state: 'running', class: 'prewarm', hosts: [{ name: 'a' }, { name: 'b' }] });
    const { images } = await a.next('job');
    const manifest = JSON.parse(Buffer.from(images[0]?.manifest.data ?? '', 'base64').toString());
    expect(manifest.config.digest).toBe(images[0]?.config.digest);
    expect(created.images[0]).toMatchObject({ reference: IMAGE, digests: [images[0]?.manifest.digest] });
    for (const agent of [a, b])
      agent.send({ type: 'report', jobId: created.id, images: [reportOf(IMAGE, { state: 'ready' })] });
    expect(await a.next('jobClosed')).toEqual({ type: 'jobClosed', jobId: created.id, reason: 'done' });
    expect(await kit.client.job(created.id)).toMatchObject({ state: 'done', finishedAt: expect.any(String) });
  });

  it('is for the hosts that a glob matches', async () => {
    const kit = await fleet();
    await kit.agent('web-1');
    await kit.agent('db-1');
    const { hosts } = await kit.client.createJob({ images: [IMAGE], hosts: ['web-*'] });
    expect(hosts.map(({ name }) => name)).toEqual(['web-1']);
    await expect(kit.client.createJob({ images: [IMAGE], hosts: ['x*'] })).rejects.toMatchObject({
      code: 'NO_HOSTS',
      status: 409,
    });
  });

  it('is not made when an entry matches no host, naming each such entry', async () => {
    const kit = await fleet();
    await kit.agent('host-1');
    const refused = kit.client.createJob({ images: [IMAGE], hosts: ['host-1', 'nohost', 'db-*'] });
    await expect(refused).rejects.toMatchObject({ code: 'NO_HOSTS', text: expect.stringMatching(/: nohost, db-\*$/) });
    expect(await kit.client.jobs()).toEqual([]);
  });

  it('is not made when the registry does not know the tag', async () => {
    const kit = await fleet();
    await kit.agent('a');
    const refused = kit.client.createJob({ images: [IMAGE, 'registry.test/team/app:2'] });
    await expect(refused).rejects.toMatchObject({ code: 'UNKNOWN_MANIFEST', status: 404 });
    expect(await kit.client.jobs()).toEqual([]);
  });

  it('is not made from text that is no reference', async () => {
    const kit = await fleet();
    await kit.agent('a');
    await expect(kit.client.createJob({ images: ['UPPER CASE'] })).rejects.toMatchObject({
      code: 'INVALID_REFERENCE',
      status: 400,
    });
  });

  it('is not made when no host can run the image, naming the platforms there are', async () => {
    const kit = await fleet();
    await kit.agent('a', { platform: ARM64 });
    const refused = kit.client.createJob({ images: [IMAGE] });
    await expect(refused).rejects.toMatchObject({
      code: 'NO_PLATFORM',
      status: 422,
      text: expect.stringContaining('linux/amd64'),
    });
  });

  it('fails at once on a host whose platform the image lacks, and goes on for the others', async () => {
    const kit = await fleet();
    const [arm] = [await kit.agent('arm', { platform: ARM64 }), await kit.agent('b')];
    const { hosts } = await kit.client.createJob({ images: [IMAGE] });
    expect(hosts).toMatchObject([
      { name: 'arm', state: 'failed', error: { code: 'NO_PLATFORM' } },
      { name: 'b', state: 'waiting' },
    ]);
    await arm.settled();
    expect(arm.inbox).toEqual([]);
  });

  it('gives each host the manifest of its platform', async () => {
    const source = createMemorySource();
    const amd64 = imageIn(source);
    const arm64 = imageIn(source, { platform: ARM64, layers: [{ name: 'arm', size: 1 }] });
    source.tag(
      'team/app:1',
      indexOf([
        { manifest: amd64, platform: { os: 'linux', architecture: 'amd64' } },
        { manifest: arm64, platform: ARM64 },
      ]),
    );
    const kit = await startTracker({ source });
    const [a, b] = [await kit.agent('a'), await kit.agent('b', { platform: ARM64 })];
    const job = await kit.client.createJob({ images: [IMAGE] });
    expect((await a.next('job')).images[0]?.manifest.digest).toBe(amd64.digest);
    expect((await b.next('job')).images[0]?.manifest.digest).toBe(arm64.digest);
    a.send({ type: 'join', request: 1, digest: layerDigest('arm'), jobId: job.id });
    expect(await a.next('joinRefused')).toMatchObject({ error: { code: 'FORBIDDEN_BLOB' } });
  });
});

describe('a running job', () => {
  it('can be watched until it ends', async () => {
    const kit = await fleet();
    const agent = await kit.agent('a');
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    const watching = kit.client.watchJob(id);
    const first = await watching[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ id, state: 'running' });
    const all = collect(kit.client.watchJob(id));
    agent.send({ type: 'report', jobId: id, images: [reportOf(IMAGE, { haveBytes: 5 })] });
    agent.send({
      type: 'report',
      jobId: id,
      images: [
        reportOf(IMAGE, { state: 'failed', error: { code: 'ENGINE', text: 'its own words', retryable: false } }),
      ],
    });
    const last = (await all).at(-1);
    expect(last).toMatchObject({ state: 'failed', hosts: [{ state: 'failed', error: { text: 'its own words' } }] });
    expect(await collect(kit.client.watchJob(id))).toEqual([last]);
  });

  it('keeps its manifest when the tag moves', async () => {
    const kit = await fleet();
    const agent = await kit.agent('a');
    const { id, images } = await kit.client.createJob({ images: [IMAGE] });
    kit.source.tag('team/app:1', imageIn(kit.source, { layers: [{ name: 'new', size: 1 }] }));
    await agent.close();
    const again = await kit.agent('a', { privateKey: agent.privateKey });
    expect((await again.next('job')).images[0]?.manifest.digest).toBe(images[0]?.digests[0]);
    expect(await kit.client.job(id)).toMatchObject({ images });
  });

  it('waits for a host that is away', async () => {
    const kit = await fleet();
    const [here, away] = [await kit.agent('here'), await kit.agent('away')];
    await away.close();
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    here.send({ type: 'report', jobId: id, images: [reportOf(IMAGE, { state: 'ready' })] });
    await here.settled();
    const byName = Object.fromEntries((await kit.client.job(id)).hosts.map((host) => [host.name, host]));
    expect(byName).toMatchObject({ here: { state: 'ready', online: true }, away: { state: 'waiting', online: false } });
    const back = await kit.agent('away', { privateKey: away.privateKey });
    expect((await back.next('job')).jobId).toBe(id);
  });

  it('no longer waits for a host that was forgotten, which only one that is away can be', async () => {
    const kit = await fleet();
    const [here, gone] = [await kit.agent('here'), await kit.agent('gone')];
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    const onlyGone = await kit.client.createJob({ images: [IMAGE], hosts: ['gone'] });
    here.send({ type: 'report', jobId: id, images: [reportOf(IMAGE, { state: 'ready' })] });
    await here.settled();
    await expect(kit.client.forgetHost(gone.peerId)).rejects.toMatchObject({ code: 'HOST_ONLINE', status: 409 });
    await gone.close();
    await expect.poll(async () => (await kit.client.status()).agents.online).toBe(1);
    await kit.client.forgetHost(gone.peerId);
    expect(await here.next('jobClosed')).toMatchObject({ jobId: id, reason: 'done' });
    await expect(kit.client.forgetHost(gone.peerId)).rejects.toMatchObject({ code: 'UNKNOWN_HOST', status: 404 });
    await kit.restart();
    expect(await kit.client.hosts()).toMatchObject([{ name: 'here' }]);
    expect(await kit.client.job(id)).toMatchObject({ state: 'done', hosts: [{ name: 'here' }] });
    expect(await kit.client.job(onlyGone.id)).toMatchObject({ state: 'cancelled', hosts: [] });
    const back = await kit.agent('gone', { privateKey: gone.privateKey });
    await back.settled();
    expect(back.inbox.filter(({ type }) => type === 'job')).toEqual([]);
  });

  it('that is cancelled tells its hosts, gives no more rights, and cannot be cancelled again', async () => {
    const kit = await fleet();
    const agent = await kit.agent('a');
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    expect(await kit.client.actOnJob(id, 'cancel')).toMatchObject({ state: 'cancelled' });
    expect(await agent.next('jobClosed')).toMatchObject({ jobId: id, reason: 'cancelled' });
    agent.send({ type: 'join', request: 1, digest: layerDigest('base'), jobId: id });
    expect(await agent.next('joinRefused')).toMatchObject({ error: { code: 'FORBIDDEN_BLOB' } });
    agent.send({ type: 'report', jobId: id, images: [reportOf(IMAGE)] });
    expect(await agent.next('jobClosed')).toMatchObject({ reason: 'cancelled' });
    await expect(kit.client.actOnJob(id, 'cancel')).rejects.toMatchObject({ code: 'JOB_ENDED', status: 409 });
  });
});

describe('a tracker that cannot write', () => {
  it('goes on from memory, tells who cancels, and saves what it could not once there is space', async () => {
    const kit = await fleet();
    const [a, b] = [await kit.agent('a'), await kit.agent('b')];
    const [first, second] = [
      await kit.client.createJob({ images: [IMAGE] }),
      await kit.client.createJob({ images: [IMAGE], hosts: ['a'] }),
    ];
    const refill = blockWrites(kit);
    await b.close();
    await expect(kit.client.actOnJob(first.id, 'cancel')).rejects.toMatchObject({ code: 'INTERNAL' });
    a.send({ type: 'report', jobId: second.id, images: [reportOf(IMAGE, { state: 'ready' })] });
    expect(await a.next('jobClosed')).toMatchObject({ jobId: second.id, reason: 'done' });
    expect(await kit.client.job(second.id)).toMatchObject({ state: 'done', hosts: [{ state: 'ready' }] });
    expect(await kit.client.job(first.id)).toMatchObject({
      state: 'running',
      hosts: [{ online: true }, { online: false }],
    });
    expect(await kit.client.hosts()).toMatchObject([{ online: true }, { online: false }]);
    refill();
    await kit.client.actOnJob(first.id, 'cancel');
    await kit.restart();
    expect(await kit.client.job(first.id)).toMatchObject({ state: 'cancelled' });
    expect(await kit.client.job(second.id)).toMatchObject({ state: 'done', hosts: [{ state: 'ready' }] });
  });
});

describe('a swarm of a tracker that cannot write', () => {
  it('gets its piece hashes all the same', async () => {
    const kit = await fleet();
    const [seeder, a] = [await kit.agent('s', { role: 'seeder' }), await kit.agent('a')];
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    const { swarm } = await a.join(layerDigest('base'), id);
    await seeder.next('seed');
    blockWrites(kit);
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 4), originBytes: SIZE });
    expect(await a.next('hashes')).toMatchObject({ swarm, hashes: hashesOf(0, 4) });
    expect(kit.logs.join()).toContain('piece hashes are not saved');
  });
});

describe('a tracker that was restarted', () => {
  it('keeps jobs, metainfo, tokens and agents, and hands open jobs out again', async () => {
    const kit = await fleet();
    const seeder = await kit.agent('s', { role: 'seeder' });
    const [a, b] = [await kit.agent('a'), await kit.agent('b')];
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    const before = await a.join(layerDigest('base'), id);
    await seeder.next('seed');
    seeder.send({ type: 'publish', swarm: before.swarm, first: 0, hashes: hashesOf(0, 4), originBytes: SIZE });
    await a.next('hashes');
    b.send({ type: 'report', jobId: id, images: [reportOf(IMAGE, { state: 'ready' })] });
    await b.settled();
    for (const agent of [a, b, seeder]) agent.inbox.length = 0;

    await kit.restart();
    await Promise.all([a, b, seeder].map((agent) => agent.next('welcome')));
    expect((await a.next('job')).jobId).toBe(id);
    const after = await a.join(layerDigest('base'), id);
    expect(after).toMatchObject({ swarm: before.swarm, hashes: hashesOf(0, 4) });
    await b.settled();
    expect(b.inbox.filter(({ type }) => type === 'job')).toEqual([]);
    const job = await kit.client.job(id);
    expect(job).toMatchObject({
      state: 'running',
      hosts: [
        { name: 'a', state: 'waiting' },
        { name: 'b', state: 'ready' },
      ],
    });
    expect(job.originBytes).toBeGreaterThan(SIZE);
    a.send({ type: 'report', jobId: id, images: [reportOf(IMAGE, { state: 'ready' })] });
    expect(await a.next('jobClosed')).toMatchObject({ reason: 'done' });
    await kit.restart();
    expect(await kit.client.jobs()).toMatchObject([{ id, state: 'done' }]);
    expect((await kit.client.status()).agents.known).toBe(2);
  });
});
