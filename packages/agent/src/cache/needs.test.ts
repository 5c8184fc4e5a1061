import { describe, expect, it } from 'vitest';
import { blobOf, fill, PIECE, testStore } from '../store/store.testkit.ts';
import { type NeedsParts, needsOf } from './needs.ts';

const BLOB = blobOf(PIECE);

async function needs(changes: Partial<NeedsParts> = {}) {
  const store = await testStore();
  const file = await fill(store, BLOB);
  const parts: NeedsParts = {
    store,
    jobs: { jobOf: () => undefined },
    pulls: { running: () => [] },
    seeding: { isReading: () => false },
    swarms: { isFetching: () => false, runnerOf: () => undefined },
    nowMs: () => file.lastUsedMs + 599_999,
    ...changes,
  };
  return { file, why: () => needsOf(parts)(BLOB.digest) };
}

const linked = (connectionCount: number) => ({
  swarms: { isFetching: () => false, runnerOf: () => ({ connectionCount }) } as unknown as NeedsParts['swarms'],
});

describe('a blob is needed', () => {
  it.each<[string, Partial<NeedsParts>]>([
    ['job 7 is open', { jobs: { jobOf: () => '7' } }],
    ['it is being pulled', { pulls: { running: () => [{ digest: BLOB.digest }] as never } }],
    ['it is being fetched', { swarms: { isFetching: () => true, runnerOf: () => undefined } }],
    ['it is being read from its registry', { seeding: { isReading: () => true } }],
    ['1 host is connected for it', linked(1)],
    ['3 hosts are connected for it', linked(3)],
  ])('as %s', async (said, changes) => {
    expect((await needs(changes)).why()).toBe(said);
  });

  it('while a client of the proxy reads it', async () => {
    const { file, why } = await needs();
    const ends = [file.use(), file.use()];
    expect(why()).toBe('a client of the proxy is sent it');
    ends[0]?.();
    expect(why()).toBeDefined();
    ends[1]?.();
    expect(why()).toBeUndefined();
  });

  it('not as hosts stay connected that have asked for nothing in ten minutes', async () => {
    const { why } = await needs(linked(3));
    expect(why()).toContain('3 hosts');
    const idle = await needs({ ...linked(3), nowMs: () => Date.now() + 600_000 });
    expect(idle.why()).toBeUndefined();
  });

  it('by nobody without all that, whatever else is pulled, and with a swarm that nobody is connected for', async () => {
    const other = { pulls: { running: () => [{ digest: 'sha256:other' }] as never } };
    expect((await needs({ ...other, ...linked(0) })).why()).toBeUndefined();
  });
});
