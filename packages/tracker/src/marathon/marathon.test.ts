import { describe, expect, it } from 'vitest';
import { createManualClock } from '../clock.testkit.ts';
import { createMemorySource, imageIn } from '../memory-source.testkit.ts';
import { startTracker } from '../tracker.testkit.ts';
import { slave, startMarathon, startMesos, type TestApp } from './marathon.testkit.ts';
import type { MarathonSite } from './site.ts';

const FOLLOWING = 'following the deployments of Marathon';
const NOT_FOLLOWED = 'Marathon is not followed';
const REGISTRY = 'registry.test';

const imageOf = (name: string) => `${REGISTRY}/team/${name}:1`;

function appOf(name: string, parts: object = {}): TestApp {
  const container = { type: 'DOCKER', docker: { image: imageOf(name) } };
  return { id: `/shop/${name}`, version: `2026-11-01T10:00:00.${name}Z`, instances: 2, container, ...parts };
}

/** A tracker with agents web-1 (rack r1), web-2 (rack r2), a Marathon and its Mesos; connected. */
async function fleet(site: Partial<MarathonSite> = {}, before: (kit: Doubles) => void = () => {}) {
  const doubles = { marathon: await startMarathon(), mesos: await startMesos() };
  doubles.mesos.slaves = [slave('web-1', { rack: 'r1' }), slave('web-2', { rack: 'r2' })];
  before(doubles);
  const source = createMemorySource();
  for (const name of ['a', 'b', 'c', 'd']) source.tag(`team/${name}:1`, imageIn(source));
  const clock = createManualClock();
  const { marathon, mesos } = doubles;
  const kit = await startTracker({ source, clock, marathon: [{ url: marathon.url, mesos: mesos.url, ...site }] });
  const agents = [
    await kit.agent('web-1', { labels: { rack: 'l1' } }),
    await kit.agent('web-2', { labels: { rack: 'l2' } }),
  ];
  const jobs = async () => {
    const ids = (await kit.client.jobs()).map(({ id }) => id).toReversed();
    return await Promise.all(ids.map((id) => kit.client.job(id)));
  };
  const hostsOf = async () =>
    (await jobs()).map(({ images, hosts }) =>
      [images[0]?.reference, ...hosts.map(({ name }) => name).sort()].join(' '),
    );
  /** All that was sent before has been considered. */
  const settled = async () => {
    const id = `/shop/barrier-${marathon.asked.length}`;
    marathon.deploy(appOf('d', { id }), 'StartApplication');
    await kit.logged(`"${id}"`);
    return (await hostsOf()).filter((job) => !job.startsWith(imageOf('d')));
  };
  return { ...doubles, kit, clock, agents, jobs, hostsOf, settled };
}

interface Doubles {
  marathon: Awaited<ReturnType<typeof startMarathon>>;
  mesos: Awaited<ReturnType<typeof startMesos>>;
}

async function connected(site: Partial<MarathonSite> = {}, before?: (kit: Doubles) => void) {
  const all = await fleet(site, before);
  await all.kit.logged(FOLLOWING);
  await all.marathon.askedFor('/v2/deployments');
  return all;
}

describe('a deployment of Marathon', () => {
  it.each([
    ['light, LF', false, '\n'],
    ['heavy, CR LF', true, '\r\n'],
  ] as const)('is pre-warmed on the Mesos agents that its constraints allow (%s)', async (_form, heavy, lineEnd) => {
    const { marathon, settled, agents, jobs } = await connected({ prewarm: { class: 'pull', priority: 9 } }, (kit) => {
      Object.assign(kit.marathon, { heavy, lineEnd });
    });
    marathon.deploy(appOf('a', { constraints: [['rack', 'LIKE', 'r[1]']] }), 'StartApplication', 'ScaleApplication');
    expect(await agents[0]?.next('job')).toMatchObject({ class: 'pull', images: [{ reference: imageOf('a') }] });
    expect(await settled()).toEqual([`${imageOf('a')} web-1`]);
    expect((await jobs())[0]?.terms).toEqual({ priority: 9 });
    expect(marathon.asked[0]).toBe(
      'GET /v2/events?event_type=deployment_info&event_type=api_post_event&plan-format=light',
    );
  });

  it('is pre-warmed once a version, however often it is told', async () => {
    const { marathon, settled } = await connected();
    const app = appOf('a');
    const post = { uri: '/v2/apps/shop/a', appDefinition: app };
    marathon.apps.set(app.id, app);
    marathon.send('api_post_event', post);
    marathon.deploy(app, 'StartApplication');
    marathon.deploy(app, 'ScaleApplication');
    expect(await settled()).toEqual([`${imageOf('a')} web-1 web-2`]);
    marathon.send('api_post_event', { ...post, appDefinition: { ...app, version: 'v2', instances: 1 } });
    marathon.deploy({ ...app, version: 'v3' }, 'RestartApplication');
    expect((await settled()).filter((job) => job.startsWith(imageOf('a')))).toHaveLength(2);
  });

  it('is pre-warmed when it grows, not when it shrinks, stops or has no image', async () => {
    const { marathon, settled } = await connected();
    marathon.deploy(appOf('a', { instances: 2, tasksRunning: 5 }), 'ScaleApplication');
    marathon.deploy(appOf('b', { instances: 5, tasksRunning: 2 }), 'ScaleApplication');
    marathon.deploy(appOf('c'), 'StopApplication');
    marathon.deploy(appOf('c', { container: undefined, cmd: 'sleep 1' }), 'StartApplication');
    marathon.deploy(appOf('c', { instances: 0 }), 'StartApplication');
    expect(await settled()).toEqual([`${imageOf('b')} web-1 web-2`]);
  });

  it('of a pod is pre-warmed; one that shrinks is not', async () => {
    const { marathon, settled } = await connected();
    const pod = (name: string, instances: number) => ({
      ...{ id: `/${name}`, version: '1', scaling: { kind: 'fixed', instances } },
      containers: [{ name: 'x', image: { kind: 'DOCKER', id: imageOf(name) } }],
      scheduling: { placement: { constraints: [{ fieldName: 'rack', operator: 'CLUSTER', value: 'r2' }] } },
    });
    for (const [name, count, action] of [
      ['a', 1, 'ScalePod'],
      ['b', 2, 'StartPod'],
    ] as const) {
      marathon.pods.set(`/${name}`, pod(name, count));
      marathon.pods.set(`/${name}::status`, { id: `/${name}`, instances: [{}, {}, {}] });
      marathon.send('deployment_info', { plan: { steps: [{ actions: [{ action, pod: `/${name}` }] }] } });
    }
    expect(await settled()).toEqual([`${imageOf('b')} web-2`]);
  });

  it('is left alone without the labels that tracker.yaml asks for', async () => {
    const { marathon, kit } = await connected({ only: { prewarm: 'true' } });
    marathon.deploy(appOf('a', { labels: { prewarm: 'false' } }), 'StartApplication');
    marathon.deploy(appOf('b', { labels: { prewarm: 'true', team: 'x' } }), 'StartApplication');
    await kit.logged('a deployment of Marathon is pre-warmed');
    expect((await kit.client.jobs()).map(({ images }) => images[0]?.reference)).toEqual([imageOf('b')]);
  });

  it('without a Mesos in tracker.yaml is placed by the labels of hosts', async () => {
    const { marathon, settled } = await connected({ mesos: undefined });
    marathon.deploy(appOf('a', { constraints: [['rack', 'IS', 'l2']] }), 'StartApplication');
    expect(await settled()).toEqual([`${imageOf('a')} web-2`]);
  });

  it('that no host may run, or whose constraint cannot be read, is told and leaves others alone', async () => {
    const { marathon, kit, settled } = await connected();
    marathon.deploy(appOf('a', { constraints: [['rack', 'IS', 'r9']] }), 'StartApplication');
    marathon.deploy(appOf('b', { constraints: [['rack', 'LIKE', '(?=r1)']] }), 'StartApplication');
    expect(await settled()).toEqual([]);
    const told = kit.logs.filter((line) => line.includes('is not pre-warmed;'));
    expect(told).toEqual([
      expect.stringContaining('/shop/a: its constraints allow none'),
      expect.stringContaining('(?=r1)'),
    ]);
  });

  it('waits for a Mesos master that is away, and follows to the one that leads', async () => {
    const leading = await startMesos(slave('web-2', { rack: 'r1' }));
    const { marathon, mesos, kit, clock, settled } = await connected({}, ({ mesos: one }) => {
      one.status = 503;
    });
    marathon.deploy(appOf('a', { constraints: [['rack', 'IS', 'r1']] }), 'StartApplication');
    await kit.logged('is tried again');
    Object.assign(mesos, { status: undefined, leader: new URL(leading.url).host });
    clock.advance(5000);
    await kit.logged('a deployment of Marathon is pre-warmed');
    expect(await settled()).toEqual([`${imageOf('a')} web-2`]);
    expect(leading.asked).toContain('GET /master/slaves');
  });
});

describe('the stream of Marathon', () => {
  it('is found again after it broke off, and what was deployed meanwhile is pre-warmed', async () => {
    const { marathon, kit, clock, settled } = await connected({}, (doubles) => {
      doubles.marathon.apps.set('/shop/b', appOf('b')); // ran before: no news
    });
    marathon.sendRaw('event: deployment_info\ndata: {"plan":{"ste');
    marathon.cut();
    await kit.logged(NOT_FOLLOWED);
    marathon.apps.set('/shop/a', appOf('a', { tasksRunning: 2 }));
    const before = kit.logs.length;
    clock.advance(2000);
    await kit.logged(FOLLOWING, before);
    await kit.logged('a deployment of Marathon is pre-warmed', before);
    expect(await settled()).toEqual([`${imageOf('a')} web-1 web-2`]);
  });

  it('begins with the deployments that run already', async () => {
    const { settled, kit } = await connected({}, ({ marathon }) => {
      marathon.apps.set('/shop/a', appOf('a'));
      marathon.apps.set('/shop/b', appOf('b'));
      const actions = [{ action: 'RestartApplication', app: '/shop/a' }];
      marathon.deployments.push({ id: 'd', version: 'v', affectedApps: ['/shop/a'], steps: [{ actions }] });
    });
    await kit.logged('a deployment of Marathon is pre-warmed');
    expect(await settled()).toEqual([`${imageOf('a')} web-1 web-2`]);
  });

  it('is read from the leader, also after the leader has changed', async () => {
    const [first, second] = [await startMarathon(), await startMarathon()];
    const { marathon, kit, clock, jobs } = await fleet({}, (doubles) => {
      doubles.marathon.leader = first;
    });
    await first.askedFor('/v2/deployments');
    first.deploy(appOf('a'), 'StartApplication');
    await kit.logged('a deployment of Marathon is pre-warmed');
    marathon.leader = second;
    await first.stop();
    await kit.logged(NOT_FOLLOWED);
    const before = kit.logs.length;
    clock.advance(2000);
    await second.askedFor('/v2/deployments');
    second.deploy(appOf('b'), 'StartApplication');
    await kit.logged(imageOf('b'), before);
    expect((await jobs()).map(({ images }) => images[0]?.reference)).toEqual([imageOf('a'), imageOf('b')]);
  });

  it('is looked for at /v2/leader where one that does not lead leads nowhere', async () => {
    const leader = await startMarathon();
    const { kit } = await fleet({}, ({ marathon }) => {
      marathon.saysLeader = new URL(leader.url).host;
    });
    expect(await kit.logged(FOLLOWING)).toContain(leader.url);
  });

  it('that says nothing for a minute is left and opened anew', async () => {
    const { marathon, kit, clock, settled } = await connected();
    for (let minutes = 0; minutes < 3; minutes++) {
      clock.advance(59_000);
      marathon.sendRaw('\n');
      await settled();
    }
    expect(kit.logs.some((line) => line.includes(NOT_FOLLOWED))).toBe(false);
    clock.advance(61_000);
    expect(await kit.logged(NOT_FOLLOWED)).toContain('nothing came for 60 s');
    clock.advance(1000);
    await marathon.askedFor('/v2/events', 2);
  });

  it('that never says anything is left as well', async () => {
    const { kit, clock } = await connected({}, ({ marathon }) => {
      marathon.isMute = true;
    });
    clock.advance(61_000);
    expect(await kit.logged(NOT_FOLLOWED)).toContain('nothing came for 60 s');
  });

  it('of nonsense is told once, and what makes sense in it is heard', async () => {
    const { marathon, kit, settled } = await connected();
    marathon.send('deployment_info', '{"plan":');
    for (let count = 0; count < 50; count++) marathon.send('api_post_event', '{"appDefinition":7}');
    marathon.sendRaw('data: only data\n\n:comment\n\nretry: 7\n\n');
    marathon.deploy(appOf('a'), 'StartApplication');
    expect(await settled()).toEqual([`${imageOf('a')} web-1 web-2`]);
    expect(kit.logs.filter((line) => line.includes('left out; later ones'))).toHaveLength(1);
  });

  it('with an event that is too large is left and opened anew', async () => {
    const { marathon, kit } = await connected();
    marathon.sendRaw(`event: deployment_info\ndata: ${'x'.repeat(17 * 1024 * 1024)}`);
    expect(await kit.logged(NOT_FOLLOWED)).toContain('an event is larger than');
  });
});

describe('a Marathon that does not answer', () => {
  it('is told once in an hour, and again when it answers', async () => {
    const { marathon, kit, clock } = await connected();
    marathon.status = 503;
    marathon.cut();
    const start = kit.logs.length;
    for (let from = start, minutes = 0; minutes < 70; minutes++) {
      await kit.logged('followed', from);
      from = kit.logs.length;
      clock.advance(60_000);
    }
    const told = kit.logs.slice(start).filter((line) => line.includes(NOT_FOLLOWED));
    expect(told).toEqual([expect.stringContaining('broke off'), expect.stringContaining('it answered 503')]);
    marathon.status = undefined; // before the last try comes
    expect(JSON.parse(await kit.logged(FOLLOWING, start)).awayMs).toBeGreaterThan(3_600_000);
  });

  it.each([
    [401, 'Check username and passwordFile, or tokenFile'],
    [404, 'Check its address under marathon: in tracker.yaml'],
    [405, 'Check its address under marathon: in tracker.yaml'],
  ])('as it should, with %i, says what to do', async (status, advice) => {
    const { kit } = await fleet({}, ({ marathon }) => {
      marathon.status = status;
    });
    expect(await kit.logged(NOT_FOLLOWED)).toContain(advice);
  });

  it('keeps the tracker from nothing: it stops while it waits', async () => {
    const { kit } = await fleet({ url: 'http://127.0.0.1:1' });
    expect(await kit.logged(NOT_FOLLOWED)).toContain('ECONNREFUSED');
    await kit.tracker.stop();
  });
});

describe('the account of a Marathon', () => {
  it('goes with every request, to the leader as well, and into no line of the log', async () => {
    const leader = await startMarathon();
    const secret = 'token=s3cr3t-of-marathon';
    const { marathon, mesos, kit } = await fleet({ authorization: () => secret }, (doubles) => {
      Object.assign(doubles.marathon, { authorization: secret, leader });
      Object.assign(leader, { authorization: secret, apps: doubles.marathon.apps });
    });
    await leader.askedFor('/v2/deployments');
    leader.deploy(appOf('a'), 'StartApplication');
    await kit.logged('a deployment of Marathon is pre-warmed');
    leader.authorization = 'token=another';
    leader.cut();
    await kit.logged(NOT_FOLLOWED);
    for (const { authorization } of [...marathon.headers, ...leader.headers]) expect(authorization).toBe(secret);
    expect(mesos.asked).toEqual(['GET /master/slaves']);
    expect(kit.logs.join('')).not.toContain('s3cr3t');
  });

  it('that cannot be had is told by its own reason', async () => {
    const authorization = () => {
      throw new Error('/etc/shoal/marathon.token cannot be read (ENOENT)');
    };
    const { kit } = await fleet({ authorization });
    expect(await kit.logged(NOT_FOLLOWED)).toContain('/etc/shoal/marathon.token cannot be read');
  });
});
