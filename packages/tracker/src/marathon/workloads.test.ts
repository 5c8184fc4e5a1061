import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAll, workloadsIn } from './workloads.ts';

const APP = {
  id: '/shop/web',
  instances: 3,
  labels: { prewarm: 'true' },
  constraints: [['rack', 'LIKE', 'r1']],
  container: { type: 'DOCKER', docker: { image: 'registry.test/team/app:1', forcePullImage: false } },
  version: '2026-11-01T10:00:00.000Z',
};
const POD = {
  id: '/shop/pod',
  scaling: { kind: 'fixed', instances: 2 },
  containers: [
    { name: 'a', image: { kind: 'DOCKER', id: 'registry.test/team/a:1' } },
    { name: 'b', image: { kind: 'DOCKER', id: 'registry.test/team/a:1' } },
    { name: 'c', image: { kind: 'APPC', id: 'coreos.com/etcd' } },
    { name: 'd' },
  ],
  scheduling: { placement: { constraints: [{ fieldName: 'rack', operator: 'IS', value: 'r1' }] } },
};

describe('what Marathon runs', () => {
  it('is read from an app, plain or as the API wraps it', () => {
    const app = {
      ...{ id: '/shop/web', kind: 'app', version: APP.version, instances: 3, running: undefined },
      ...{ images: ['registry.test/team/app:1'], labels: { prewarm: 'true' }, constraints: APP.constraints },
    };
    expect(workloadsIn(APP)).toEqual([app]);
    expect(workloadsIn({ app: { ...APP, tasksRunning: 2 } })).toEqual([{ ...app, running: 2 }]);
  });

  it('is read from a pod: its Docker images, each once', () => {
    expect(workloadsIn(POD)).toMatchObject([
      { id: '/shop/pod', kind: 'pod', instances: 2, images: ['registry.test/team/a:1'] },
    ]);
  });

  it('is read from a group with all below it; ids are relative to their group', () => {
    const group = {
      id: '/shop',
      apps: [{ ...APP, id: 'web' }],
      groups: [{ id: 'back', apps: [{ id: 'db', cmd: 'sleep 1' }], pods: [{ ...POD, id: 'pod' }] }],
    };
    expect(workloadsIn(group).map(({ id }) => id)).toEqual(['/shop/web', '/shop/back/db', '/shop/back/pod']);
    expect(workloadsIn([APP, POD]).map(({ id }) => id)).toEqual(['/shop/web', '/shop/pod']);
  });

  it('has no image where there is none, and one instance where nothing is said', () => {
    expect(workloadsIn({ id: 'a', cmd: 'sleep 1', container: { type: 'MESOS' } })).toMatchObject([
      { id: '/a', images: [], instances: 1 },
    ]);
  });

  it.each([
    ['a text', /no JSON object/],
    [{ id: 7 }, /id: /],
    [{ id: 'a', container: { docker: { image: 7 } } }, /container\.docker\.image/],
    [{ id: 'g', apps: { a: 1 } }, /apps/],
  ])('%j is refused by its place', (document, why) => {
    expect(() => workloadsIn(document)).toThrow(expect.objectContaining({ code: 'BAD_APP' }));
    expect(() => workloadsIn(document)).toThrow(why);
  });

  it('of groups without end is refused', () => {
    let group: object = APP;
    for (let depth = 0; depth < 100; depth++) group = { id: `g${depth}`, groups: [group] };
    expect(() => workloadsIn(group)).toThrow('nested deeper');
  });

  it('in a list of all is read beside what cannot be', () => {
    expect(readAll({ apps: [null, APP, { id: 7 }] }, undefined).map(({ id }) => id)).toEqual(['/shop/web']);
    expect(readAll({ apps: [] }, [POD, 'x']).map(({ id }) => id)).toEqual(['/shop/pod']);
  });

  it('of any JSON is read, or refused as no app', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (document) => {
        try {
          workloadsIn(document);
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_APP' });
        }
      }),
    );
  });
});
