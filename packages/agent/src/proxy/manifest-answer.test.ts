/** Manifests through the proxy, while the registry is there and while it is not. */
import { describe, expect, it } from 'vitest';
import { fill } from '../store/store.testkit.ts';
import type { Handler } from './proxy.testkit.ts';
import { ALICE, BLOB, PATH, proxyTo, serveBlob } from './proxy-to.testkit.ts';

describe('a manifest', () => {
  const TAG = '/v2/team/app/manifests/1';
  const manifests: Handler = (request, response) => {
    const headers = { 'content-type': 'a/b', etag: `"${BLOB.digest}"`, 'docker-content-digest': BLOB.digest };
    if (request.url === '/v2/') return void response.writeHead(200).end('{}');
    if (request.url?.includes('/blobs/')) return serveBlob(request, response);
    if (request.headers['if-none-match'] === headers.etag) return void response.writeHead(304, headers).end();
    response.writeHead(200, { ...headers, 'content-length': 8 }).end(request.method === 'GET' ? 'manifest' : undefined);
  };
  /** One that can be switched off: 502, or nobody there. */
  function mortal() {
    const state = { isAway: false };
    const handler: Handler = (request, response) =>
      state.isAway ? void response.writeHead(502).end() : manifests(request, response);
    return { state, handler };
  }

  it('by tag is asked for every time, and comes from here when it has not changed', async () => {
    const { registry, ask } = await proxyTo(manifests);
    const [first, second] = [await ask(TAG, ALICE), await ask(TAG, ALICE)];
    expect([first, second].map(({ status, bytes }) => [status, bytes.toString()])).toEqual([
      [200, 'manifest'],
      [200, 'manifest'],
    ]);
    expect([first, second].map(({ headers }) => headers['shoal-source'])).toEqual(['registry', 'cache']);
    expect(registry.asked).toEqual([`GET ${TAG}`, `GET ${TAG}`]);
  });

  it('is kept apart for each who accepts other types', async () => {
    const { registry, ask } = await proxyTo(manifests);
    await ask(TAG, { accept: 'a/b, c/d' });
    await ask(TAG, { accept: 'c/d' });
    await ask(TAG, { accept: 'c/d, a/b' });
    expect(registry.requests.map(({ headers }) => headers['if-none-match'] !== undefined)).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('is not served while the registry is away, unless the operator wants it', async () => {
    const { state, handler } = mortal();
    const { ask } = await proxyTo(handler);
    await ask(TAG, ALICE);
    state.isAway = true;
    expect((await ask(TAG, ALICE)).status).toBe(502);
  });

  it('and what it names are served while the registry is away, as long as the operator wants', async () => {
    const { state, handler } = mortal();
    const lenience = { trustRightsForMs: 600_000, staleTagsForMs: 300_000 };
    const { clock, store, ask } = await proxyTo(handler, lenience);
    await fill(store, BLOB);
    for (const path of [TAG, PATH]) await ask(path, ALICE);
    state.isAway = true;
    clock.nowMs += 299_000;
    const [tag, blob, stranger] = [await ask(TAG, ALICE), await ask(PATH, ALICE), await ask(PATH)];
    expect([tag.status, tag.bytes.toString(), blob.status]).toEqual([200, 'manifest', 200]);
    expect([blob.bytes.equals(BLOB.bytes), stranger.status]).toEqual([true, 502]);
    clock.nowMs += 2000;
    expect([(await ask(TAG, ALICE)).status, (await ask(PATH, ALICE)).status]).toEqual([502, 200]);
    clock.nowMs += 300_000;
    expect((await ask(PATH, ALICE)).status).toBe(502);
  });

  it('of a registry that nobody reaches is served to who asks whether there is one, too', async () => {
    const { registry, ask } = await proxyTo(manifests, { trustRightsForMs: 600_000, staleTagsForMs: 600_000 });
    await ask(TAG);
    await registry.close();
    const pings = await Promise.all(['http://harbor.test/v2/', '/shoal/token'].map((target) => ask(target)));
    expect(pings.map(({ status }) => status)).toEqual([200, 200]);
    expect((await ask(TAG)).bytes.toString()).toBe('manifest');
    expect((await ask('/v2/team/app/manifests/other')).status).toBe(503);
  });

  it('of megabytes passes', async () => {
    const large = Buffer.alloc(9 * 1024 * 1024, 'x');
    const { ask } = await proxyTo((_, response) =>
      response.writeHead(200, { 'content-length': large.length }).end(large),
    );
    expect((await ask(TAG)).bytes.equals(large)).toBe(true);
  });
});
