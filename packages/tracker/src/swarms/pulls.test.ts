/** Who is let into a swarm because a client of its proxy pulls, by what the registry answers to that client. */
import { Readable } from 'node:stream';
import type { UpstreamRequest } from '@shoal/registry';
import { describe, expect, it } from 'vitest';
import { layerDigest } from '../memory-source.testkit.ts';
import { hashesOf, startTracker, type TestAgent } from '../tracker.testkit.ts';
import type { OpenUpstream } from './pulls.ts';

const SIZE = 1_000_000;
const BLOB = layerDigest('base');
const ALICE = { registry: 'harbor.test', repository: 'team/app', authorization: 'Bearer alice' };

/** Lets only Alice read; `status` is what it answers to her. */
function registry(status = 200) {
  const asked: UpstreamRequest[] = [];
  const openUpstream: OpenUpstream = (host) =>
    host === 'harbor.test'
      ? {
          async request(request) {
            asked.push(request);
            if (status === 0) throw new Error('nobody there');
            const isAlice = request.headers.authorization === ALICE.authorization;
            const headers = { 'content-length': String(SIZE) };
            return { ...answerOf(isAlice ? status : 401), headers } as never;
          },
          close: async () => {},
        }
      : undefined;
  return { asked, openUpstream };
}

function answerOf(status: number) {
  return { status, body: Readable.from([]), discard() {} };
}

function pull(agent: TestAgent, pulled: typeof ALICE | Omit<typeof ALICE, 'authorization'>, request = 5) {
  agent.send({ type: 'join', request, digest: BLOB, pull: pulled });
}

describe('a pull', () => {
  it('is let in as the registry lets its client, and a seeder is told to read for a person', async () => {
    const { asked, openUpstream } = registry();
    const kit = await startTracker({ openUpstream });
    const seeder = await kit.agent('s', { role: 'seeder' });
    const agent = await kit.agent('a');
    pull(agent, ALICE);
    expect(await agent.next('joined')).toMatchObject({ request: 5, digest: BLOB, size: SIZE });
    expect(await seeder.next('seed')).toMatchObject({
      ...{ class: 'pull', digest: BLOB },
      source: { registry: 'harbor.test', repository: 'team/app', descriptor: { digest: BLOB, size: SIZE } },
    });
    expect(asked).toMatchObject([
      { method: 'HEAD', target: `/v2/team/app/blobs/${BLOB}`, headers: { authorization: 'Bearer alice' } },
    ]);
    expect(kit.logs.join()).not.toContain('alice');
  });

  it.each([
    ['without credentials', { registry: 'harbor.test', repository: 'team/app' }, 200, 'PULL_REFUSED'],
    ['of another user', { ...ALICE, authorization: 'Bearer bob' }, 200, 'PULL_REFUSED'],
    ['of what is not there', ALICE, 404, 'PULL_REFUSED'],
    ['from a registry that fails', ALICE, 503, 'PULL_UNCHECKED'],
    ['from a registry that is away', ALICE, 0, 'PULL_UNCHECKED'],
    ['from a registry that the operator did not name', { ...ALICE, registry: 'evil.test' }, 200, 'UNKNOWN_REGISTRY'],
  ])('%s is refused', async (_title, pulled, status, code) => {
    const kit = await startTracker({ openUpstream: registry(status).openUpstream });
    await kit.agent('s', { role: 'seeder' });
    const agent = await kit.agent('a');
    pull(agent, pulled);
    expect(await agent.next('joinRefused')).toMatchObject({ request: 5, error: { code } });
  });

  it('does not wait for a seeder to come', async () => {
    const kit = await startTracker({ openUpstream: registry().openUpstream });
    const agent = await kit.agent('a');
    pull(agent, ALICE);
    expect(await agent.next('joinRefused')).toMatchObject({ error: { code: 'NO_SEEDER', retryable: true } });
    const status = await kit.client.status();
    expect(status.swarms).toBe(0);
  });

  it('needs none when a host holds the blob', async () => {
    const kit = await startTracker({ openUpstream: registry().openUpstream });
    const seeder = await kit.agent('s', { role: 'seeder' });
    const first = await kit.agent('first');
    pull(first, ALICE);
    const { swarm } = await first.next('joined');
    await seeder.next('seed');
    seeder.send({ type: 'publish', swarm, first: 0, hashes: hashesOf(0, 4), originBytes: SIZE });
    await seeder.settled();
    first.send({ type: 'have', swarm, pieces: 4, complete: true });
    await first.settled();
    await seeder.close();
    const second = await kit.agent('second');
    pull(second, ALICE);
    expect((await second.next('joined')).neighbours.map(({ name }) => name)).toContain('first');
  });

  it('gives its right to nobody else', async () => {
    const kit = await startTracker({ openUpstream: registry().openUpstream });
    await kit.agent('s', { role: 'seeder' });
    const [agent, other] = [await kit.agent('a'), await kit.agent('b')];
    pull(agent, ALICE);
    await agent.next('joined');
    other.send({ type: 'join', request: 6, digest: BLOB, jobId: '' });
    expect(await other.next('joinRefused')).toMatchObject({ request: 6, error: { code: 'FORBIDDEN_BLOB' } });
  });
});
