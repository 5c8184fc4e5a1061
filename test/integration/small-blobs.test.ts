/**
 * A small blob takes round trips and no waiting: with every timer of 100 ms or more stopped, in the
 * tracker and in all agents, it arrives all the same. So no such timer stands in its path.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { blobOf } from '../../packages/agent/src/store/store.testkit.ts';
import { until } from '../../packages/agent/src/wait.testkit.ts';
import { finished, site } from '../support/site.ts';

const LONGEST_MS = 100;
const NEVER_MS = 2 ** 31 - 1;

const KB = 1000;
const MB = 1000 * KB;

beforeEach(() => {
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const real = globalThis[name];
    const slow = (run: () => void, delayMs = 0, ...rest: unknown[]) =>
      real(run, delayMs >= LONGEST_MS ? NEVER_MS : delayMs, ...(rest as []));
    vi.spyOn(globalThis, name).mockImplementation(slow as typeof real);
  }
});
afterEach(() => void vi.restoreAllMocks());

async function siteOf(size: number, names: string[]) {
  const layer = blobOf(size, { mark: `small ${size}` });
  const there = await site([layer]);
  await Promise.all([there.join('seeder', 's'), ...names.map((name) => there.join('agent', name))]);
  await until(
    'the hosts',
    async () => (await there.client.hosts()).filter(({ online }) => online).length > names.length,
  );
  const pull = async (...hosts: string[]): Promise<string> => {
    const job = await there.client.createJob({ images: ['registry.test/team/app:1'], hosts, class: 'pull' });
    return (await finished(there.client, job.id)).state;
  };
  return { ...there, layer, pull };
}

describe.each([
  ['100 KB', 100 * KB],
  ['2 MB', 2 * MB],
])('a blob of %s waits for no timer', (_size, size) => {
  it('where the seeder has to read it first, nor where a neighbour holds it', async () => {
    const { pull, origin } = await siteOf(size, ['cold', 'warm']);
    expect(await pull('cold')).toBe('done');
    expect(await pull('warm')).toBe('done');
    expect(origin.sentBytes).toBe(size);
  });

  it('where several hosts want it at once', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const { pull, origin } = await siteOf(size, names);
    expect(await pull(...names)).toBe('done');
    expect(origin.sentBytes).toBe(size);
  });
});
