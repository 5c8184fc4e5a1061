import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '@shoal/oci';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type TestCache, testCache } from '../cache/cache.testkit.ts';
import { type CacheDeskParts, createCacheDesk, type VerifyEvent } from '../cache/cache-desk.ts';
import { createBackgroundCheck } from '../store/background-check.ts';
import { blobOf, dataPath, fill, PIECE, temporaryFolder } from '../store/store.testkit.ts';
import { CONTROL_TOKEN_FILE, openControlApi } from './control-api.ts';

const A = blobOf(3 * PIECE + 1, { mark: 'a' });
const B = blobOf(PIECE, { mark: 'b' });
const IMAGE = digestOf(Buffer.from('config'));
const HOUR = 3_600_000;

type Held = NonNullable<CacheDeskParts['held']>;

/** One image is held; `letsGo`: what the engine says to it. */
async function api({ letsGo = true, job = '' } = {}) {
  const kit = await testCache();
  const image = {
    ...{ imageId: IMAGE, reference: 'registry.test/win/base:ltsc', manifestDigest: 'm', keepUntilMs: kit.nowMs + HOUR },
    ...{ repository: 'shoal.local/held/win/base', tag: IMAGE.slice(7, 19) },
  };
  const images = [image];
  const held = { list: () => images, letGo: async () => letsGo && images.splice(0).length > 0 } as unknown as Held;
  const fetching = new Set<string>();
  const cache = createCacheDesk({
    ...{ store: kit.store, cache: kit.cache, held, check: createBackgroundCheck({ onWrong() {} }) },
    jobs: { jobOfImage: () => job || undefined },
    swarms: { isFetching: (digest) => fetching.has(digest), forget: (digest) => kit.store.remove(digest) },
  });
  const dataDir = temporaryFolder();
  const control = await openControlApi({
    ...{ host: '127.0.0.1', port: 0, dataDir, cache, onStop() {}, status: () => ({}) as never },
  });
  onTestFinished(() => control.close());
  const headers = {
    authorization: `Bearer ${readFileSync(join(dataDir, CONTROL_TOKEN_FILE), 'utf8')}`,
    'content-type': 'application/json',
  };
  const url = `http://127.0.0.1:${control.port}/v1/cache`;
  const post = (path: string, body: object) =>
    fetch(`${url}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return {
    ...{ kit, image, fetching, post, headers, url },
    view: async () => (await fetch(url, { headers })).json(),
    remove: async (body: object) => (await post('rm', body)).json(),
    verify: async (body: object) => eventsOf(await (await post('verify', body)).text()),
  };
}

function eventsOf(lines: string): VerifyEvent[] {
  return lines
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as VerifyEvent);
}

function spoil({ folder }: TestCache, at: number): void {
  const path = dataPath(join(folder, 'blobs'), A.digest);
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

it('GET /v1/cache lists blobs, last used first, why they stay, and held images', async () => {
  const { kit, image, view } = await api();
  const usedMs = kit.nowMs - 2 * HOUR;
  (await fill(kit.store, A, [0])).lastUsedMs = usedMs;
  (await fill(kit.store, B)).lastUsedMs = usedMs + HOUR;
  kit.needed.set(A.digest, 'job 7 is open');
  kit.cache.keep(B.digest, kit.nowMs + HOUR);
  const keepUntil = new Date(kit.nowMs + HOUR).toISOString();
  expect(await view()).toMatchObject({
    ...{ blobs: 2, bytes: A.size + B.size, overBudgetBytes: 0 },
    content: [
      { digest: B.digest, bytes: B.size, heldBytes: B.size, keepUntil, stays: `it is kept until ${keepUntil}` },
      {
        ...{ digest: A.digest, heldBytes: PIECE, keepUntil: null, stays: 'job 7 is open' },
        usedAt: new Date(usedMs).toISOString(),
      },
    ],
    heldImages: [{ imageId: IMAGE, tag: `${image.repository}:${image.tag}`, reference: image.reference, keepUntil }],
  });
});

describe('POST /v1/cache/rm', () => {
  it('removes what is named, kept or not, and refuses what is needed or not here, with why', async () => {
    const { kit, remove } = await api();
    for (const blob of [A, B]) await fill(kit.store, blob);
    kit.needed.set(A.digest, 'job 7 is open');
    kit.cache.keep(B.digest, kit.nowMs + HOUR);
    const nowhere = digestOf(Buffer.from('nowhere'));
    expect(await remove({ digests: [A.digest, B.digest, nowhere] })).toEqual({
      removed: [{ digest: B.digest, bytes: B.size }],
      refused: [
        { digest: A.digest, why: 'job 7 is open; cancel what needs it first' },
        { digest: nowhere, why: expect.stringContaining('not here') },
      ],
    });
    expect(kit.store.list().map(({ digest }) => digest)).toEqual([A.digest]);
    expect(kit.cache.keepUntilMs(B.digest)).toBe(0);
  });

  it('with unused removes all that nobody needs and no job keeps', async () => {
    const { kit, remove } = await api();
    const kept = blobOf(1, { mark: 'kept' });
    for (const blob of [A, B, kept]) await fill(kit.store, blob);
    kit.needed.set(A.digest, 'it is being pulled');
    kit.cache.keep(kept.digest, kit.nowMs + HOUR);
    expect(await remove({ unused: true })).toEqual({ removed: [{ digest: B.digest, bytes: B.size }], refused: [] });
  });

  it('lets go of a held image by its ID', async () => {
    const { remove, view } = await api();
    expect(await remove({ digests: [IMAGE] })).toMatchObject({ removed: [{ digest: IMAGE }], refused: [] });
    expect(await view()).toMatchObject({ heldImages: [] });
  });

  it.each([
    ['an open job', { job: '7' }, 'job 7 is open'],
    ['a container', { letsGo: false }, 'a container uses shoal.local/held/win/base:'],
  ])('refuses a held image that %s needs', async (_title, options, why) => {
    const { remove } = await api(options);
    expect(await remove({ digests: [IMAGE] })).toMatchObject({
      removed: [],
      refused: [{ digest: IMAGE, why: expect.stringContaining(why) }],
    });
  });

  it.each([
    [{}],
    [{ digests: [] }],
    [{ digests: ['../x'] }],
    [{ unused: false }],
    [{ unused: true, digests: [IMAGE] }],
  ])('refuses %j and removes nothing', async (body) => {
    const { kit, post } = await api();
    await fill(kit.store, B);
    const answer = await post('rm', body);
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'BAD_REQUEST' } }]);
    expect(kit.store.list()).toHaveLength(1);
  });
});

describe('POST /v1/cache/verify', () => {
  it('says of each blob that it is right, and how far it is', async () => {
    const { kit, verify } = await api();
    await fill(kit.store, A);
    await fill(kit.store, B, []);
    const events = await verify({});
    expect(events.filter(({ type }) => type === 'blob')).toEqual([
      { type: 'blob', digest: A.digest, result: 'right' },
      { type: 'blob', digest: B.digest, result: 'right' },
    ]);
    const shown = events.flatMap((event) => (event.type === 'progress' ? [event.doneBytes] : []));
    expect(shown.length).toBeGreaterThan(2);
    expect(events.findLast((event) => event.type === 'progress' && event.digest === A.digest)).toMatchObject({
      ...{ doneBytes: 2 * A.size, totalBytes: 2 * A.size },
    });
  });

  it('drops a blob with a wrong piece, whether it is whole or not', async () => {
    for (const pieces of [undefined, [0, 1]]) {
      const { kit, verify } = await api();
      await fill(kit.store, A, pieces);
      spoil(kit, PIECE + 5);
      expect((await verify({ digests: [A.digest] })).at(-1)).toEqual({
        ...{ type: 'blob', digest: A.digest, result: 'wrong', why: 'piece 1 is not what its hash says' },
      });
      expect(kit.store.get(A.digest)).toBeUndefined();
    }
  });

  it('drops a blob whose pieces are what was published, but are not its digest', async () => {
    const { kit, verify } = await api();
    const other = blobOf(A.size, { mark: 'other' });
    await fill(kit.store, { ...other, digest: A.digest });
    expect((await verify({})).at(-1)).toMatchObject({ result: 'wrong', why: `its bytes are not ${A.digest}` });
    expect(kit.store.get(A.digest)).toBeUndefined();
  });

  it('leaves out what is being fetched or not here, and says so', async () => {
    const { kit, fetching, verify } = await api();
    await fill(kit.store, A, [0]);
    fetching.add(A.digest);
    expect(await verify({ digests: [A.digest, B.digest] })).toEqual([
      { type: 'blob', digest: A.digest, result: 'skipped', why: expect.stringContaining('fetched') },
      { type: 'blob', digest: B.digest, result: 'skipped', why: 'it is not here' },
    ]);
  });

  it('checks an empty blob', async () => {
    const { kit, verify } = await api();
    const empty = blobOf(0);
    await fill(kit.store, empty);
    expect((await verify({})).at(-1)).toMatchObject({ digest: empty.digest, result: 'right' });
  });

  it('ends with its client', async () => {
    const { kit, post, verify } = await api();
    await fill(kit.store, A);
    const answer = await post('verify', {});
    await answer.body?.cancel();
    expect((await verify({})).at(-1)).toMatchObject({ result: 'right' });
  });
});
