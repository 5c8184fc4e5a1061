import { describe, expect, it } from 'vitest';
import type { JobHostView, JobView } from '../client/job-schemas.ts';
import { reportOf } from '../tracker.testkit.ts';
import { createCells, fedBy } from './job-cells.ts';

function host(name: string, changes: Partial<JobHostView> = {}): JobHostView {
  return { peerId: `id of ${name}`, name, online: true, state: 'waiting', images: [], ...changes };
}

const change = (...hosts: JobHostView[]) => ({ id: 'j', hosts }) as unknown as JobView;
const fetching = (haveBytes: number) => ({ state: 'fetching' as const, images: [reportOf('r', { haveBytes })] });

describe('cells', () => {
  it('number hosts as they come, and tell of each only what is new', () => {
    const cells = createCells();
    expect(cells(change(host('a'), host('b', { wave: 2, online: false })))).toEqual({
      job: { id: 'j' },
      hosts: [
        { peerId: 'id of a', name: 'a' },
        { peerId: 'id of b', name: 'b', wave: 2 },
      ],
      cells: [0, 0, 0, 1, 1, 0, 0, 0],
      errors: [],
    });
    expect(cells(change(host('b', fetching(499_999)), host('a')))).toMatchObject({ hosts: [], cells: [1, 1, 49, 1] });
    expect(cells(change(host('b', fetching(499_999.5)))), 'less than a percent is no news').toMatchObject({
      cells: [],
    });
    expect(cells(change(host('c')))).toMatchObject({ hosts: [{ name: 'c' }], cells: [2, 0, 0, 1] });
  });

  it('carry the error of a host that failed, its own or that of an image', () => {
    const error = { code: 'X', text: 'x', retryable: false };
    const cells = createCells();
    const failed = host('b', { state: 'failed', images: [reportOf('r', { error })] });
    expect(cells(change(host('a', { state: 'failed', error }), failed)).errors).toEqual([
      { host: 0, error },
      { host: 1, error },
    ]);
  });
});

it('whom a host feeds is what the others say of it, most first', () => {
  const from = (name: string, bytes: number) => ({ images: [reportOf('r', { feeders: [{ name, bytes }] })] });
  const hosts = [host('a', from('z', 1)), host('b', from('z', 5)), host('c', from('y', 9))];
  expect(fedBy('z', hosts)).toEqual([
    { name: 'b', bytes: 5 },
    { name: 'a', bytes: 1 },
  ]);
});
