import { describe, expect, it } from 'vitest';
import { createTrackerClient } from '../client/index.ts';
import { createMemorySource, imageIn } from '../memory-source.testkit.ts';
import { startTracker } from '../tracker.testkit.ts';
import { slave, startMarathon, startMesos } from './marathon.testkit.ts';

const imageOf = (name: string) => `registry.test/team/${name}:1`;
const appOf = (name: string, constraints: unknown[] = []) => ({
  ...{ id: `/${name}`, constraints, container: { docker: { image: imageOf(name) } } },
});

async function fleet(sites = 1) {
  const source = createMemorySource();
  for (let image = 0; image < 70; image++) source.tag(`team/a${image}:1`, imageIn(source));
  const marathon = await startMarathon();
  const masters = [
    await startMesos(slave('web-1', { rack: 'r1' }), slave('web-2', { rack: 'r2' }), slave('mesos-9', { rack: 'r2' })),
    await startMesos(slave('db-1', { rack: 'r1' })),
  ];
  const urls = [marathon.url, `${marathon.url}/other`];
  const all = masters.map((mesos, index) => ({ url: urls[index] ?? '', mesos: mesos.url }));
  const kit = await startTracker({ source, marathon: all.slice(0, sites) });
  for (const name of ['web-1', 'web-2', 'db-1']) await kit.agent(name, { labels: { rack: 'r1' } });
  return { ...kit, urls, masters };
}

describe('an app that is ordered before it is deployed', () => {
  it('goes onto the Mesos agents its constraints allow; those without an agent are named', async () => {
    const { client } = await fleet();
    const answer = await client.prewarmMarathon({ app: appOf('a1', [['rack', 'CLUSTER', 'r2']]), class: 'pull' });
    expect(answer).toMatchObject({
      jobs: [{ class: 'pull', images: [{ reference: imageOf('a1') }], hosts: [{ name: 'web-2' }] }],
      ...{ skipped: [], failed: [], withoutAgent: ['mesos-9'] },
    });
  });

  it('beside others makes one job for each set of hosts', async () => {
    const { client } = await fleet();
    const onR1 = Array.from({ length: 65 }, (_, index) => appOf(`a${index}`, [['rack', 'IS', 'r1']]));
    const { jobs } = await client.prewarmMarathon({ app: { id: '/', apps: [...onR1, appOf('a66'), appOf('a1')] } });
    const shown = jobs.map(({ images, hosts }) => [images.length, hosts.map(({ name }) => name).sort()]);
    expect(shown).toEqual([
      [64, ['web-1']],
      [1, ['web-1']],
      [2, ['web-1', 'web-2']],
    ]);
  });

  it('asks the Mesos of the Marathon that is named, where there are several', async () => {
    const { client, urls } = await fleet(2);
    const app = appOf('a1', [['rack', 'IS', 'r1']]);
    const { jobs } = await client.prewarmMarathon({ app, marathon: `${urls[1]}/` });
    expect(jobs[0]?.hosts.map(({ name }) => name).sort()).toEqual(['db-1']);
    await expect(client.prewarmMarathon({ app })).rejects.toMatchObject({ code: 'UNKNOWN_MARATHON', status: 404 });
    await expect(client.prewarmMarathon({ app, marathon: 'http://x' })).rejects.toThrow(urls[1]);
  });

  it('without any Marathon in tracker.yaml goes by the labels of hosts', async () => {
    const { client } = await fleet(0);
    const { jobs } = await client.prewarmMarathon({
      app: appOf('a1', [
        ['rack', 'IS', 'r1'],
        ['hostname', 'LIKE', 'web.*'],
      ]),
    });
    expect(jobs[0]?.hosts.map(({ name }) => name).sort()).toEqual(['web-1', 'web-2']);
  });

  it.each([
    ['BAD_APP', 422, { id: 7 }],
    ['BAD_CONSTRAINT', 422, appOf('a1', [['rack', 'LIKE', 'r(']])],
    [
      'BAD_CONSTRAINT',
      422,
      appOf(
        'a1',
        Array.from({ length: 10_000 }, (_, index) => ['rack', 'LIKE', `r${index}`]),
      ),
    ],
    ['NO_HOSTS', 409, appOf('a1', [['rack', 'IS', 'r3']])],
    ['UNKNOWN_MANIFEST', 404, appOf('none')],
  ])('is refused with %s (%i) and orders nothing', async (code, status, app) => {
    const { client } = await fleet();
    await expect(client.prewarmMarathon({ app })).rejects.toMatchObject({ code, status });
    expect(await client.jobs()).toEqual([]);
  });

  it('is refused while the Mesos master is away, with what to do, and for a reader', async () => {
    const { client, masters, tracker } = await fleet();
    await masters[0]?.stop();
    await expect(client.prewarmMarathon({ app: appOf('a1') })).rejects.toMatchObject({
      ...{ code: 'MESOS_UNREACHABLE', status: 502, retryable: true },
      message: expect.stringContaining('under marathon: in tracker.yaml'),
    });
    const reader = createTrackerClient({ url: tracker.url, token: tracker.createToken('reader', 'r') });
    await expect(reader.prewarmMarathon({ app: appOf('a1') })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await reader.close();
  });

  it('with an expression made to hang is answered', async () => {
    const { client } = await fleet(0);
    const app = appOf('a1', [
      ['hostname', 'UNLIKE', '(([a-z]+)*)*!'],
      ['hostname', 'LIKE', '(.*a?){50}'],
    ]);
    expect((await client.prewarmMarathon({ app })).jobs).toHaveLength(1);
  });
});
