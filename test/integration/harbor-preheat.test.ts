/** Harbor's drivers, as a double plays them, order at a real tracker: every generation, every auth mode, every end. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegistryError } from '@shoal/registry';
import { describe, expect, it } from 'vitest';
import { createGate } from '../../packages/agent/src/wait.testkit.ts';
import { createManualClock } from '../../packages/tracker/src/clock.testkit.ts';
import type { HarborOptions } from '../../packages/tracker/src/harbor/options.ts';
import { createMemorySource, imageIn, layerDigest } from '../../packages/tracker/src/memory-source.testkit.ts';
import {
  hashesOf,
  reportOf,
  startTracker,
  type TestAgent,
  type TestTrackerOptions,
} from '../../packages/tracker/src/tracker.testkit.ts';
import { type AuthMode, dragonfly, dragonflyV1, type HarborInstance, kraken, runTask } from '../support/harbor.ts';
import { waitFor } from '../support/wait.ts';

const SECRET = 's3cret-of-the-instance';
const TOKEN = 'Bearer eyJ.p0lltoken.RS256';
const REFERENCE = 'harbor.test/win/app:ltsc2022';
const MINUTE = 60_000;

const AUTH: Record<AuthMode, Record<string, string>> = {
  NONE: {},
  BASIC: { harbor: SECRET },
  OAUTH: { token: SECRET },
  CUSTOM: { 'X-Shoal-Secret': SECRET },
};
const DRIVERS = { 'Harbor >= 2.12': dragonfly, 'Harbor 2.1 to 2.11': dragonflyV1 };

function preheatOptions(changes: object = {}): HarborOptions {
  const door = { secret: SECRET, username: 'harbor', header: 'X-Shoal-Secret', isOpen: false };
  return {
    registryOf: (address) => (address === 'harbor.test' ? 'harbor.test' : undefined),
    preheat: { ...door, clusters: { 1: 'web-*', 2: 'db-*' }, answerAfterMs: 28 * MINUTE, ...changes },
  };
}

async function harborSite({ door, ...options }: TestTrackerOptions & { door?: object } = {}) {
  const source = options.source ?? createMemorySource();
  source.tag('win/app:ltsc2022', imageIn(source, { layers: [{ name: 'base', size: 1_000_000 }] }));
  const clock = createManualClock();
  const authorizations: (string | undefined)[] = [];
  const openSource = async (_registry: string, authorization?: string) => {
    authorizations.push(authorization);
    return source;
  };
  const kit = await startTracker({ openSource, clock, harbor: preheatOptions(door), ...options, source });
  const instance = (changes: Partial<HarborInstance> = {}): HarborInstance => ({
    ...{ endpoint: kit.tracker.url, authMode: 'OAUTH', authInfo: AUTH.OAUTH },
    ...changes,
  });
  return { ...kit, kit, clock, authorizations, instance };
}

const image = (changes: object = {}) => ({
  ...{ url: 'https://harbor.test/v2/win/app/manifests/ltsc2022', token: TOKEN, name: 'win/app', tag: 'ltsc2022' },
  ...{ digest: `sha256:${'a'.repeat(64)}`, ...changes },
});

/** A host that gets its job and ends it like this. */
async function ends(agent: TestAgent, changes: object): Promise<void> {
  const { jobId } = await agent.next('job');
  agent.send({ type: 'report', jobId, images: [reportOf(REFERENCE, changes)] });
  await agent.next('jobClosed');
}

/** Every byte of the tracker's database. */
function databaseOf(dataDir: string): string {
  return readdirSync(dataDir)
    .map((file) => readFileSync(join(dataDir, file), 'latin1'))
    .join('');
}

describe.each(Object.entries(DRIVERS))("%s orders by Harbor's Dragonfly driver", (_version, driver) => {
  it.each(Object.keys(AUTH) as AuthMode[])(
    'in the auth mode %s, and its token is used and not kept',
    async (authMode) => {
      const site = await harborSite({ door: { isOpen: authMode === 'NONE' } });
      const agent = await site.agent('web-1');
      const harbor = driver(site.instance({ authMode, authInfo: AUTH[authMode] }));
      const meanwhile = async (waitedMs: number) => {
        if (waitedMs === 30_000) await ends(agent, { state: 'ready' });
      };
      expect(await runTask(harbor, image(), { ...site.clock, meanwhile })).toMatchObject({
        ...{ state: 'Success', waitedMs: 30_000 },
      });
      expect(site.authorizations).toEqual([TOKEN]);
      expect(site.logs.join('')).not.toMatch(/p0lltoken|s3cret/);
      expect(databaseOf(site.dataDir)).not.toMatch(/p0lltoken|s3cret/);
    },
  );

  it.each(['BASIC', 'OAUTH', 'CUSTOM'] as const)('is refused with a wrong secret in the mode %s', async (authMode) => {
    const site = await harborSite();
    await site.agent('web-1');
    const [name = ''] = Object.keys(AUTH[authMode]);
    const harbor = driver(site.instance({ authMode, authInfo: { [name]: `${SECRET}x` } }));
    await expect(harbor.health()).rejects.toThrow(/^401: .*BAD_SECRET/);
    await expect(harbor.preheat(image())).rejects.toThrow(/^401: /);
    await expect(harbor.check('1')).rejects.toThrow(/^401: /);
    expect(await site.client.jobs()).toEqual([]);
    expect(site.source.reads).toEqual([]);
  });

  it('is refused without a secret unless the operator allowed it, and never with a wrong one', async () => {
    const closed = await harborSite();
    const none = { authMode: 'NONE', authInfo: {} } as const;
    await expect(driver(closed.instance(none)).health()).rejects.toThrow(/^401: /);
    const open = await harborSite({ door: { isOpen: true } });
    await driver(open.instance(none)).health();
    await expect(driver(open.instance({ authInfo: { token: 'other' } })).health()).rejects.toThrow(/^401: /);
  });

  it('is told what to do when P2P Preheat is off', async () => {
    const kit = await startTracker();
    const harbor = driver({ endpoint: kit.tracker.url, authMode: 'NONE' });
    await expect(harbor.health()).rejects.toThrow(/404: .*harbor\.preheat\.secretFile/);
    await expect(harbor.preheat(image())).rejects.toThrow(/404: .*harbor\.preheat\.secretFile/);
  });

  it('fails with the reason of the host that failed', async () => {
    const site = await harborSite();
    const [good, bad] = [await site.agent('web-1'), await site.agent('web-2')];
    const error = { code: 'DISK_FULL', text: 'no space for 3 GB', retryable: false };
    const meanwhile = async (waitedMs: number) => {
      if (waitedMs !== 20_000) return;
      const { jobId } = await good.next('job');
      good.send({ type: 'report', jobId, images: [reportOf(REFERENCE, { state: 'ready' })] });
      await ends(bad, { state: 'failed', error });
    };
    const end = await runTask(driver(site.instance()), image(), { ...site.clock, meanwhile });
    expect(end).toMatchObject({ state: 'Error', waitedMs: 20_000 });
    expect(end.message).toMatch(/1 of 2 hosts failed: web-2: no space for 3 GB/);
  });

  it('hears of success before its limit, and the spread goes on', async () => {
    const site = await harborSite();
    const [fast, slow] = [await site.agent('web-1'), await site.agent('web-2')];
    await site.agent('web-3').then((off) => off.close());
    await waitFor('web-3 to be gone', async () => (await site.client.hosts()).some(({ online }) => !online));
    const meanwhile = async (waitedMs: number) => {
      if (waitedMs !== 10_000) return;
      const { jobId } = await fast.next('job');
      fast.send({ type: 'report', jobId, images: [reportOf(REFERENCE, { state: 'ready' })] });
      await fast.settled();
    };
    const end = await runTask(driver(site.instance()), image(), { ...site.clock, meanwhile });
    expect(end).toMatchObject({ state: 'Success', waitedMs: 28 * MINUTE });
    expect(end.message).toMatch(/web-2.* still distributing \(waiting\)/s);
    expect(end.message).toMatch(/web-3.* still distributing \(offline\)/s);
    const [job] = await site.client.jobs();
    expect(job).toMatchObject({ state: 'running' });
    const { jobId } = await slow.next('job');
    slow.send({ type: 'report', jobId, images: [reportOf(REFERENCE, { state: 'ready' })] });
    await slow.settled();
    expect((await site.client.job(jobId)).hosts.map(({ state }) => state).sort()).toEqual([
      'ready',
      'ready',
      'waiting',
    ]);
  });

  it('goes on polling when the tracker restarts in between', async () => {
    const site = await harborSite();
    const agent = await site.agent('web-1');
    const meanwhile = async (waitedMs: number) => {
      if (waitedMs === 20_000) await site.kit.restart();
      if (waitedMs === 20_000) await agent.next('job');
      if (waitedMs === 40_000) await ends(agent, { state: 'ready' });
    };
    const end = await runTask(driver(site.instance()), image(), { ...site.clock, meanwhile });
    expect(end).toMatchObject({ state: 'Success', waitedMs: 40_000 });
  });

  it.each(['7', '0', '-1', 'x', '99999999999999999999'])('is told that nobody knows preheat %s', async (id) => {
    const site = await harborSite();
    const { status, message } = await driver(site.instance()).check(id);
    expect([status, message]).toEqual(['FAIL', expect.stringMatching(/knows no preheat .*start the policy again/)]);
  });

  it('gets the same number for the same order while that runs, and another one afterwards', async () => {
    const site = await harborSite();
    const agent = await site.agent('web-1');
    const harbor = driver(site.instance());
    const both = await Promise.all([harbor.preheat(image()), harbor.preheat(image())]);
    const third = await harbor.preheat(image());
    expect(new Set([...both, third].map(({ taskId }) => taskId)).size).toBe(1);
    expect(await site.client.jobs()).toHaveLength(1);
    await ends(agent, { state: 'ready' });
    expect(await harbor.check(third.taskId)).toMatchObject({ status: 'SUCCESS' });
    expect((await harbor.preheat(image())).taskId).not.toBe(third.taskId);
  });

  it('is looked up once when it comes twice before the registry has answered', async () => {
    const source = createMemorySource();
    const [asked, answered] = [createGate(), createGate()];
    let opened = 0;
    const openSource = async () => {
      opened++;
      asked.open();
      await answered.opened;
      return source;
    };
    const site = await harborSite({ openSource, source });
    await site.agent('web-1');
    const harbor = driver(site.instance());
    const first = harbor.preheat(image());
    await asked.opened;
    const second = harbor.preheat(image());
    for (let turn = 0; turn < 3; turn++) await harbor.health(); // the second one has arrived
    answered.open();
    expect((await second).taskId).toBe((await first).taskId);
    expect([opened, (await site.client.jobs()).length]).toEqual([1, 1]);
  });

  it('gets another order when the tag has moved on', async () => {
    const site = await harborSite();
    await site.agent('web-1');
    const harbor = driver(site.instance());
    const first = await harbor.preheat(image());
    site.source.tag('win/app:ltsc2022', imageIn(site.source, { layers: [{ name: 'patched', size: 1_000_000 }] }));
    expect((await harbor.preheat(image())).taskId).not.toBe(first.taskId);
    expect(await site.client.jobs()).toHaveLength(2);
  });

  it.each([
    ['https://harbor.test/v2/win/app/tags/list', /400: .*url is not like/],
    ['https://harbor.test/v2/../etc/manifests/1', /400: .*url is not like/],
    ['ftp://harbor.test/v2/win/app/manifests/1', /400: .*url is not like/],
    ['https://user:pw@harbor.test/v2/win/app/manifests/1', /400: .*url is not like/],
    ['https://elsewhere.test/v2/win/app/manifests/1', /404: .*does not know this registry.*elsewhere\.test/],
    ['https://harbor.test/v2/win/none/manifests/1', /404: .*there is no win\/none:1/],
  ])('is refused for %s, and its token is not repeated', async (url, answer) => {
    const site = await harborSite();
    await site.agent('web-1');
    const end = await runTask(driver(site.instance()), image({ url }), site.clock);
    expect(end).toMatchObject({ state: 'Error', waitedMs: 0, message: expect.stringMatching(answer) });
    expect(end.message + site.logs.join('')).not.toContain('p0lltoken');
    expect(await site.client.jobs()).toEqual([]);
  });
});

describe("Harbor's token", () => {
  it('that has ended is followed by the own account', async () => {
    const source = createMemorySource();
    const asked: (string | undefined)[] = [];
    const openSource = async (_registry: string, authorization?: string) => {
      asked.push(authorization);
      const refuse = async () => {
        throw new RegistryError('UNAUTHORIZED', 'the token has ended');
      };
      return authorization === undefined ? source : { ...source, resolve: refuse };
    };
    const site = await harborSite({ openSource, source });
    await site.agent('web-1');
    await dragonfly(site.instance()).preheat(image());
    expect(asked).toEqual([TOKEN, undefined]);
    expect(await site.client.jobs()).toHaveLength(1);
  });

  it('is no longer waited for than Harbor waits', async () => {
    const source = createMemorySource();
    const asked = createGate();
    const openSource = async () => {
      let end = (_error: Error) => {};
      const resolve = () => {
        asked.open();
        return new Promise<never>((_, reject) => {
          end = reject;
        });
      };
      return { ...source, resolve, close: async () => end(new RegistryError('ABORTED', 'stopped')) };
    };
    const site = await harborSite({ openSource, source });
    await site.agent('web-1');
    const answer = dragonfly(site.instance()).preheat(image());
    await asked.opened;
    site.clock.advance(25_000);
    await expect(answer).rejects.toThrow(/502: .*harbor\.test: has not sent the manifests within 25 s/);
  });
});

describe('cluster ids and scope', () => {
  it('mean the hosts that the operator gave them, and show in the table', async () => {
    const site = await harborSite();
    const agents = await Promise.all(['web-1', 'db-1', 'other'].map((name) => site.agent(name)));
    const meanwhile = async () => {
      for (const agent of agents.slice(0, 2)) {
        const { jobId } = await agent.next('job');
        agent.send({ type: 'report', jobId, images: [reportOf(REFERENCE, { state: 'ready' })] });
        await agent.settled();
      }
    };
    const wanted = image({ scope: 'all_peers', clusterIds: [2, 1] });
    const end = await runTask(dragonfly(site.instance()), wanted, { ...site.clock, meanwhile });
    const { url } = wanted;
    expect(end.message.split('\n')).toEqual([
      `${url} | web-1 | 127.0.0.1 | 1 | SUCCESS | `,
      `${url} | db-1 | 127.0.0.1 | 2 | SUCCESS | `,
    ]);
  });

  it('that nobody has are refused', async () => {
    const site = await harborSite();
    await site.agent('web-1');
    const harbor = dragonfly(site.instance());
    await expect(harbor.preheat(image({ clusterIds: [3] }))).rejects.toThrow(/422: .*harbor\.preheat\.clusters.*: 3/);
    await expect(harbor.preheat(image({ clusterIds: [2] }))).rejects.toThrow(/409: .*NO_HOSTS/);
    await expect(harbor.preheat(image({ scope: 'some_peers' }))).rejects.toThrow(/400: .*args\.scope/);
    expect(await site.client.jobs()).toEqual([]);
  });

  it.each(['single_seed_peer', 'all_seed_peers'])(
    '%s: the seeder reads and hashes, and hosts get nothing',
    async (scope) => {
      const site = await harborSite();
      const [seeder, host] = [await site.agent('s', { role: 'seeder' }), await site.agent('web-1')];
      const meanwhile = async (waitedMs: number) => {
        if (waitedMs === 20_000) await seeds(seeder);
      };
      const end = await runTask(dragonfly(site.instance()), image({ scope }), { ...site.clock, meanwhile });
      expect(end).toMatchObject({ state: 'Success', waitedMs: 20_000 });
      expect(end.message).toMatch(/\| s \| 127\.0\.0\.1 \| 1 \| SUCCESS \|/);
      expect(await site.client.jobs()).toEqual([]);
      // The first host does not wait for a hash.
      const { id } = await site.client.createJob({ images: [REFERENCE] });
      await host.next('job');
      const joined = await host.join(layerDigest('base'), id);
      expect(Buffer.from(joined.hashes, 'base64').length).toBe(4 * 32);
      expect(joined.neighbours).toMatchObject([{ name: 's', role: 'seeder' }]);
    },
  );

  it('of seeders goes on after a restart', async () => {
    const site = await harborSite();
    const seeder = await site.agent('s', { role: 'seeder' });
    await site.agent('web-1');
    const harbor = dragonfly(site.instance());
    const { taskId } = await harbor.preheat(image({ scope: 'single_seed_peer' }));
    await seeder.next('seed');
    await site.kit.restart();
    await seeds(seeder);
    expect(await harbor.check(taskId)).toMatchObject({ status: 'SUCCESS' });
  });

  it("of seeders is another one's when the first is gone", async () => {
    const site = await harborSite();
    const first = await site.agent('s1', { role: 'seeder' });
    await site.agent('web-1');
    const harbor = dragonfly(site.instance());
    const { taskId } = await harbor.preheat(image({ scope: 'single_seed_peer' }));
    await first.next('seed');
    await first.close();
    await seeds(await site.agent('s2', { role: 'seeder' }));
    expect(await harbor.check(taskId)).toMatchObject({ status: 'SUCCESS', message: expect.stringMatching(/\| s2 \|/) });
  });

  it('of seeders fails when there is none within the time', async () => {
    const site = await harborSite();
    await site.agent('web-1');
    const end = await runTask(dragonfly(site.instance()), image({ scope: 'single_seed_peer' }), site.clock);
    expect(end).toMatchObject({ state: 'Error', waitedMs: 28 * MINUTE, message: /no seeder is online/ });
  });
});

/** A seeder that reads and hashes the four pieces of the layer, and holds it. */
async function seeds(seeder: TestAgent): Promise<void> {
  const { swarm } = await seeder.next('seed');
  seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 4), originBytes: 1_000_000 });
  seeder.send({ type: 'have', swarm, pieces: 4, complete: true });
  await seeder.settled();
}

describe("Harbor's Kraken driver", () => {
  it.each(['', '/kraken'])('orders onto all hosts at %s/registry/notifications', async (prefix) => {
    const site = await harborSite();
    const agent = await site.agent('web-1');
    const harbor = kraken(site.instance({ endpoint: `${site.tracker.url}${prefix}` }));
    expect(await runTask(harbor, image(), site.clock)).toEqual({ state: 'Success', message: '', waitedMs: 0 });
    site.clock.advance(2_000);
    await agent.next('job');
    expect(await site.client.hooks()).toMatchObject([{ reference: REFERENCE, rule: 'P2P Preheat (Kraken)' }]);
    expect(site.authorizations).toEqual([undefined]);
  });

  it('is refused with a wrong secret', async () => {
    const site = await harborSite();
    const harbor = kraken(site.instance({ authInfo: { token: 'wrong' } }));
    await expect(harbor.preheat(image())).rejects.toThrow(/^401: /);
    expect(await site.client.hooks()).toEqual([]);
  });

  it('shares its tracker with the Dragonfly driver, at an endpoint of its own', async () => {
    const site = await harborSite();
    const endpoint = `${site.tracker.url}/kraken`;
    await Promise.all([dragonfly, dragonflyV1, kraken].map((driver) => driver(site.instance({ endpoint })).health()));
  });
});
