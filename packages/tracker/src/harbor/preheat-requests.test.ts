import { describe, expect, it } from 'vitest';
import { parseJob, parseKraken, parsePreheat } from './preheat-requests.ts';

const url = 'https://harbor.test:8443/v2/win/core/base/manifests/ltsc2022';
const job = (args: object = {}, more: object = {}) => ({
  type: 'preheat',
  args: { type: 'image', url, ...args },
  ...more,
});
const MANIFEST = { url, address: 'harbor.test:8443', repository: 'win/core/base', tag: 'ltsc2022', digest: '' };

describe('an order of Harbor >= 2.12', () => {
  it('names the manifest by its url', () => {
    expect(parseJob(job())).toEqual({ ...MANIFEST, seedersOnly: false, clusters: [] });
  });

  it('has its token in whatever case the header is written', () => {
    for (const name of ['Authorization', 'authorization'])
      expect(parseJob(job({ headers: { [name]: 'Bearer x', other: 7 } })).authorization).toBe('Bearer x');
    expect(parseJob(job({ headers: { Authorization: '' } })).authorization).toBeUndefined();
  });

  it.each([
    { Authorization: 'Bearer s3cret\r\nx: y' },
    { Authorization: ['s3cret'] },
    { Authorization: 's3cret'.repeat(9000) },
  ])('with a token that is none is refused without repeating it', (headers) => {
    expect(() => parseJob(job({ headers }))).toThrow(/^(?!.*s3cret).*Authorization is no header's value/);
  });

  it.each([
    ['', false],
    [null, false],
    ['all_peers', false],
    ['single_seed_peer', true],
    ['all_seed_peers', true],
  ])('of the scope %j is for seeders only: %j', (scope, seedersOnly) => {
    expect(parseJob(job({ scope })).seedersOnly).toBe(seedersOnly);
  });

  it('has each cluster once', () => {
    expect(parseJob(job({}, { scheduler_cluster_ids: [2, 1, 2] })).clusters).toEqual([1, 2]);
    expect(parseJob(job({}, { scheduler_cluster_ids: null })).clusters).toEqual([]);
  });

  it('may have fields that a later Harbor knows', () => {
    expect(parseJob(job({ piece_length: 4 }, { new: true }))).toMatchObject(MANIFEST);
  });

  it.each([
    [undefined, /the body/],
    [[], /the body/],
    [{ ...job(), type: 'sync_peers' }, /type/],
    [{ type: 'preheat' }, /args/],
    [job({ url: 7 }), /args\.url/],
    [job({}, { scheduler_cluster_ids: ['1'] }), /scheduler_cluster_ids\.0/],
  ])('%j is refused, and it is said where', (body, where) => {
    expect(() => parseJob(body)).toThrow(where);
  });
});

it('an order of Harbor 2.1 to 2.11 is read from the same url and headers', () => {
  const body = { type: 'image', url, headers: { Authorization: 'Bearer x' }, image: 'a', tag: 'b', digest: 'c' };
  expect(parsePreheat(body)).toEqual({ ...MANIFEST, authorization: 'Bearer x', seedersOnly: false, clusters: [] });
});

describe("the Kraken driver's event", () => {
  const digest = `sha256:${'a'.repeat(64)}`;

  it('is read with its capitalised keys, and with small ones', () => {
    const Target = { MediaType: 'm', Digest: digest, Repository: 'win/core/base', Url: url, Tag: 'ltsc2022' };
    const small = { action: 'push', target: { url, digest } };
    const events = [{ Action: 'push', Target }, small, { ...small, action: 'pull' }];
    expect(parseKraken({ Events: events })).toEqual([
      { ...MANIFEST, digest },
      { ...MANIFEST, digest },
    ]);
  });

  it.each([null, {}, { Events: {} }, { Events: [{ Action: 'push' }] }])('is refused when it is %j', (body) => {
    expect(() => parseKraken(body)).toThrow(/the request is not what this call takes/);
  });
});
