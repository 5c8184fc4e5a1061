/** Pushes that are told of, at a real tracker over HTTP: what is ordered, what is not, and what outlives what. */
import { RegistryError } from '@shoal/registry';
import { describe, expect, it } from 'vitest';
import type { JobView } from '../client/index.ts';
import { createManualClock } from '../clock.testkit.ts';
import { createMemorySource, imageIn } from '../memory-source.testkit.ts';
import { blockWrites, reportOf, startTracker, type TestAgent } from '../tracker.testkit.ts';
import type { HookOptions } from './options.ts';
import { DIGEST, harborCloudEvent, harborDefault, notification } from './push-bodies.testkit.ts';

const SECRET = 'Bearer s3cret';
const REFERENCE = 'harbor.test/win/app:1';
const SETTLED_MS = 2_000;
const HOUR_MS = 3_600_000;

async function hookSite(changes: Partial<HookOptions> = {}) {
  const source = createMemorySource();
  const push = (layer = 'base') => {
    const image = imageIn(source, { layers: [{ name: layer, size: 1_000_000 }] });
    source.tag('win/app:1', image);
    return image.digest;
  };
  const digest = push();
  const clock = createManualClock();
  const hooks = { secret: SECRET, rules: [{ match: 'win/*', prewarm: {} }], ...changes };
  const registryOf = (address: string) => (address.startsWith('harbor.test') ? 'harbor.test' : undefined);
  const kit = await startTracker({ source, clock, harbor: { registryOf, hooks } });
  const agent = await kit.agent('web-1');
  const post = (path: string, body: unknown, { authorization = SECRET, type = 'application/json' } = {}) =>
    fetch(`${kit.tracker.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type, ...(authorization === '' ? {} : { authorization }) },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const harbor = (body: unknown, options?: object) => post('/hooks/harbor', body, options);
  const registry = (body: unknown, options?: object) => post('/hooks/registry', body, options);
  /** The next job an agent hears of, or those there are when it hears of none. */
  const ordered = async (): Promise<JobView> => {
    clock.advance(SETTLED_MS);
    const { jobId } = await agent.next('job');
    return kit.client.job(jobId);
  };
  return { kit, client: kit.client, source, clock, agent, digest, push, harbor, registry, ordered };
}

type Site = Awaited<ReturnType<typeof hookSite>>;

/** All that was told of has been worked on. */
async function worked({ client, clock }: Site): Promise<void> {
  clock.advance(SETTLED_MS);
  await expect.poll(async () => (await client.hooks()).every(({ state }) => state !== 'waiting')).toBe(true);
}

async function end(agent: TestAgent, jobId: string, state: 'ready' | 'failed'): Promise<void> {
  const error = { code: 'DISK_FULL', text: 'full', retryable: false };
  agent.send({
    ...{ type: 'report', jobId },
    images: [reportOf(REFERENCE, { state, ...(state === 'failed' && { error }) })],
  });
  await agent.next('jobClosed');
}

describe('a push that is told of', () => {
  it.each([
    ['Harbor, Default', '/hooks/harbor', harborDefault(), 'application/json'],
    ['Harbor, CloudEvents', '/hooks/harbor', harborCloudEvent(), 'application/cloudevents+json'],
    ['a registry, v1', '/hooks/registry', notification(), 'application/vnd.docker.distribution.events.v1+json'],
    ['a registry, v2', '/hooks/registry', notification(), 'application/vnd.docker.distribution.events.v2+json'],
  ])('by %s is taken at once and ordered afterwards', async (_who, path, body, type) => {
    const site = await hookSite();
    const answer = await (path === '/hooks/harbor'
      ? site.harbor(body, { type })
      : site.registry({ events: [body] }, { type }));
    expect([answer.status, await answer.json()]).toEqual([202, { orders: 1 }]);
    expect(site.source.reads).toEqual([]);
    expect(await site.client.hooks()).toMatchObject([{ reference: REFERENCE, digest: DIGEST, state: 'waiting' }]);
    const job = await site.ordered();
    expect(job.images).toMatchObject([{ reference: REFERENCE, digests: [site.digest] }]);
    await worked(site);
    expect(await site.client.hooks()).toMatchObject([{ rule: 'win/*', state: 'ordered', jobId: job.id, attempts: 0 }]);
    expect(site.source.reads.filter((read) => read.startsWith('resolve'))).toHaveLength(1);
  });

  it('is ordered once for every rule that is for it', async () => {
    const rules = ['win/*', 'win/app:1', 'linux/*'].map((match) => ({ match, prewarm: { hosts: ['web-*'] } }));
    const site = await hookSite({ rules });
    expect(await (await site.harbor(harborDefault())).json()).toEqual({ orders: 2 });
    await worked(site);
    expect(await site.client.jobs()).toHaveLength(2);
  });

  it('again is nothing new, also after a restart; one whose order failed is ordered again', async () => {
    const site = await hookSite();
    const again = async () => {
      await site.harbor(harborDefault({ digest: site.digest }));
      await worked(site);
    };
    await again();
    const { jobId } = await site.agent.next('job');
    await again();
    await site.kit.restart();
    await again();
    expect(await site.client.jobs()).toHaveLength(1);
    await end(site.agent, jobId, 'failed');
    await again();
    expect(await site.client.jobs()).toHaveLength(2);
  });

  it('whose image is ordered already, whatever digest it names, is nothing new', async () => {
    const site = await hookSite();
    await site.harbor(harborDefault());
    await site.ordered();
    await site.harbor(harborDefault({ digest: `sha256:${'e'.repeat(64)}` }));
    await worked(site);
    expect(await site.client.jobs()).toHaveLength(1);
    expect(site.source.reads.filter((read) => read.startsWith('resolve'))).toHaveLength(2);
  });

  it('of another image under the same tag is another order', async () => {
    const site = await hookSite();
    await site.harbor(harborDefault({ digest: site.digest }));
    const first = await site.ordered();
    await site.harbor(harborDefault({ digest: site.push('patched') }));
    const second = await site.ordered();
    expect(second.images[0]?.digests).not.toEqual(first.images[0]?.digests);
  });

  it('by digest is an order only of a rule that says so', async () => {
    const rules = [
      { match: 'win/*', prewarm: {} },
      { match: 'win/*@sha256:*', prewarm: {} },
    ];
    const site = await hookSite({ rules });
    const { digest } = site;
    await site.registry({ events: [notification({ tag: null, digest })] });
    await site.harbor(harborDefault({ tag: null, digest }));
    const job = await site.ordered();
    await worked(site);
    expect((await site.client.jobs()).map(({ id }) => id)).toEqual([job.id]);
    expect(job.images).toMatchObject([{ reference: `harbor.test/win/app@${digest}` }]);
  });

  it('with nothing to order is answered, and nothing else happens', async () => {
    const site = await hookSite();
    const blob = notification({ mediaType: 'application/octet-stream' });
    const answers = await Promise.all([
      site.harbor(harborDefault({ type: 'DELETE_ARTIFACT' })),
      site.harbor(harborDefault({ repository: 'linux/app' })),
      site.registry({ events: [blob, notification({ action: 'pull' })] }),
    ]);
    expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(Array(3).fill({ orders: 0 }));
    expect(await site.client.hooks()).toEqual([]);
  });
});

describe('a forged push', () => {
  it.each(['', 's3cret', 'Bearer s3cre', 'Bearer wr0ng'])(
    'with %j is refused, and nothing happens',
    async (authorization) => {
      const site = await hookSite();
      const answers = [
        await site.harbor(harborDefault(), { authorization }),
        await site.registry({ events: [notification()] }, { authorization }),
        await site.harbor('{', { authorization }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
      expect(await answers[0]?.json()).toMatchObject({ error: { code: 'BAD_SECRET' } });
      site.clock.advance(SETTLED_MS);
      expect(await site.client.hooks()).toEqual([]);
      expect(site.source.reads).toEqual([]);
      const told = site.kit.logs.filter((line) => line.includes('without the right secret'));
      expect(told.length).toBe(1);
      expect(site.kit.logs.join('')).not.toMatch(/s3cret|wr0ng/);
    },
  );

  it('is refused with an admin token, too', async () => {
    const site = await hookSite();
    const authorization = `Bearer ${site.kit.tracker.createToken('admin', 'x')}`;
    expect((await site.harbor(harborDefault(), { authorization })).status).toBe(401);
  });

  it('meets no door at all where webhooks are off', async () => {
    const kit = await startTracker();
    const answer = await fetch(`${kit.tracker.url}/hooks/harbor`, { method: 'POST', body: '{}' });
    expect([answer.status, await answer.json()]).toMatchObject([404, { error: { code: 'HOOKS_OFF' } }]);
    expect(await kit.client.hooks()).toEqual([]);
  });
});

describe('a malformed push', () => {
  it.each([
    ['', 400],
    ['{', 400],
    ['"text"', 400],
    ['{"type":"PUSH_ARTIFACT"}', 400],
    ['[]', 400],
  ])('%j is refused, and what stood in it is not repeated', async (body, status) => {
    const site = await hookSite();
    const answers = [await site.harbor(body), await site.registry(body)];
    expect(answers.map((answer) => answer.status)).toEqual([status, status]);
    expect(await answers[0]?.json()).toMatchObject({ error: { code: 'BAD_REQUEST' } });
    expect(await site.client.hooks()).toEqual([]);
  });

  it('of more than a megabyte is not read', async () => {
    const site = await hookSite();
    expect((await site.harbor({ type: 'x'.repeat(1024 * 1024) })).status).toBe(413);
  });
});

describe('a storm of 1,000 pushes of one tag', () => {
  it.each([
    ['one by one', 1],
    ['100 in an envelope', 100],
  ])('%s becomes one order, of what the tag is in the end', async (_how, size) => {
    const site = await hookSite();
    const digests = Array.from({ length: 1000 }, (_, at) => `sha256:${at.toString(16).padStart(64, '0')}`);
    const envelopes = Array.from({ length: 1000 / size }, (_, at) => digests.slice(at * size, (at + 1) * size));
    const tell = async (some: string[][]) => {
      const bodies = some.map((part) => ({ events: part.map((digest) => notification({ digest })) }));
      for (const { status } of await Promise.all(bodies.map((body) => site.registry(body)))) expect(status).toBe(202);
    };
    await tell(envelopes.slice(0, envelopes.length / 2));
    site.clock.advance(1_000);
    await tell(envelopes.slice(envelopes.length / 2));
    const last = site.push('last');
    const job = await site.ordered();
    await worked(site);
    expect(job.images[0]?.digests).toEqual([last]);
    expect(await site.client.jobs()).toHaveLength(1);
    expect(site.source.reads.filter((read) => read.startsWith('resolve'))).toHaveLength(1);
  });
});

describe('an order that cannot be placed', () => {
  const away = new RegistryError('UNREACHABLE', 'harbor.test: does not answer.');
  const attempts =
    ({ client }: Site) =>
    async () =>
      (await client.hooks())[0]?.attempts;

  it('because the registry is away is tried again until that is back, also after a restart', async () => {
    const site = await hookSite();
    site.source.failWith = away;
    await site.harbor(harborDefault());
    site.clock.advance(SETTLED_MS);
    await expect.poll(attempts(site)).toBe(1);
    await site.kit.restart();
    for (let passedMs = 0, count = 1; passedMs < HOUR_MS; passedMs += 300_000) {
      site.clock.advance(300_000);
      await expect.poll(attempts(site)).toBe(++count);
    }
    expect(await site.client.hooks()).toMatchObject([
      { state: 'waiting', error: expect.stringMatching(/does not answer/) },
    ]);
    expect(await site.client.hooks()).toMatchObject([{ nextAttemptAt: expect.stringMatching(/Z$/) }]);
    site.source.failWith = undefined;
    site.clock.advance(300_000);
    await site.agent.next('job');
    await worked(site);
    expect(await site.client.hooks()).toMatchObject([{ state: 'ordered' }]);
  });

  it('because there is no such image is given up after a few tries', async () => {
    const site = await hookSite();
    await site.harbor(harborDefault({ repository: 'win/none' }));
    site.clock.advance(SETTLED_MS);
    for (let count = 1; count < 4; count++) {
      await expect.poll(attempts(site)).toBe(count);
      site.clock.advance(60_000);
    }
    await worked(site);
    expect(await site.client.hooks()).toMatchObject([{ state: 'failed', error: expect.stringMatching(/there is no/) }]);
    expect(site.kit.logs.join('')).toMatch(/a push is not ordered; correct it/);
  });

  it.each([
    ['no host matches', { rules: [{ match: 'win/*', prewarm: { hosts: ['db-*'] } }] }, /no known host matches: db-\*/],
    ['nobody knows its registry', {}, /does not know this registry; add it to registries.*: other\.test/],
  ])('because %s is shown as failed', async (why, changes, error) => {
    const site = await hookSite(changes);
    const registry = why.includes('registry') ? 'other.test' : 'harbor.test';
    expect((await site.harbor(harborDefault({ registry }))).status).toBe(202);
    await worked(site);
    expect(await site.client.hooks()).toMatchObject([{ state: 'failed', error: expect.stringMatching(error) }]);
    expect(site.kit.logs.join('')).toMatch(error);
  });

  it('is of the registry that the operator named, whatever the address', async () => {
    const site = await hookSite({ registry: 'harbor.test' });
    await site.registry({ events: [notification({ registry: '10.0.0.7:5000' })] });
    expect((await site.ordered()).images).toMatchObject([{ reference: REFERENCE }]);
  });

  it('is not lost by a restart right after the answer', async () => {
    const site = await hookSite();
    await site.harbor(harborDefault());
    await site.kit.restart();
    await site.ordered();
  });

  it('is not taken while the disk is full, so that the sender tells it again', async () => {
    const site = await hookSite();
    const unblock = blockWrites(site.kit);
    expect((await site.harbor(harborDefault())).status).toBe(500);
    unblock();
    await site.harbor(harborDefault());
    await site.ordered();
  });
});

describe('the blobs of a push', () => {
  it('are read and hashed although no host is there yet', async () => {
    const site = await hookSite();
    const seeder = await site.kit.agent('s', { role: 'seeder' });
    await site.agent.close();
    await expect.poll(async () => (await site.client.status()).agents.online).toBe(0);
    await site.harbor(harborDefault());
    site.clock.advance(SETTLED_MS);
    const { source } = await seeder.next('seed');
    expect(source).toMatchObject({ registry: 'harbor.test', repository: 'win/app', descriptor: { size: 1_000_000 } });
  });

  it('wait for a seeder, few of them at a time', async () => {
    const site = await hookSite();
    const layers = Array.from({ length: 10 }, (_, at) => ({ name: `l${at}`, size: 1000 + at }));
    site.source.tag('win/app:1', imageIn(site.source, { layers }));
    await site.agent.close();
    await site.harbor(harborDefault());
    await worked(site);
    const seeder = await site.kit.agent('s', { role: 'seeder' });
    const told = async (count: number) => {
      for (let at = 0; at < count; at++) {
        const { swarm } = await seeder.next('seed');
        swarms.push(swarm);
      }
      await seeder.settled();
      expect(seeder.inbox.filter(({ type }) => type === 'seed')).toEqual([]);
    };
    const swarms: string[] = [];
    await told(4);
    const hashes = Buffer.alloc(32, 1).toString('base64');
    seeder.send({ type: 'publish', swarm: swarms[0] ?? '', first: 0, hashes, originBytes: 1000 });
    seeder.send({ type: 'have', swarm: swarms[0] ?? '', pieces: 1, complete: true });
    await told(1);
  });
});
