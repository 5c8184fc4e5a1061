/** The proxy in front of an HTTP server that plays a registry, and a store with a blob in it. */

import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BlobStore } from '../store/blob-store.ts';
import { blobOf, fill, temporaryFolder, testStore } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { until } from '../wait.testkit.ts';
import { openAuthority } from './authority.ts';
import { fakeRegistry, type Handler, type PulledKit, pullsKit, serveRange } from './proxy.testkit.ts';
import { openRegistryProxy, type ProxyOptions } from './registry-proxy.ts';

const BLOB = blobOf(300_000);
const PATH = `/v2/team/app/blobs/${BLOB.digest}`;
const ALICE = { authorization: 'Bearer alice' };

const serveBlob: Handler = (request, response) => serveRange(request, response, BLOB.bytes);
/** Lets only Alice in. */
const guarded: Handler = (request, response) => {
  if (request.headers.authorization === ALICE.authorization) return serveBlob(request, response);
  response.writeHead(401, { 'www-authenticate': 'Bearer realm="https://harbor.test/service/token"' });
  response.end('{"errors":[{"code":"UNAUTHORIZED"}]}');
};

async function proxyTo(handler: Handler, changes: Partial<ProxyOptions> = {}, pulled: Partial<PulledKit> = {}) {
  const registry = await fakeRegistry(handler);
  const store = await testStore();
  const clock = { nowMs: 1_000_000 };
  const taken = { bytes: 0 };
  const take = async (bytes: number) => {
    taken.bytes += bytes;
  };
  const { pulls, swarms } = pullsKit(store, pulled);
  const spoilt: string[] = [];
  const registries = [{ host: 'harbor.test', url: registry.url }];
  const proxy = await openRegistryProxy(
    { host: '127.0.0.1', port: 0, registries, default: 'harbor.test', ...changes },
    {
      ...{ store, pulls, take, logger: silent, nowMs: () => clock.nowMs },
      authority: await openAuthority(temporaryFolder()),
      onSpoilt: (digest) => spoilt.push(digest),
    },
  );
  onTestFinished(() => proxy.close());
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body = '') =>
    new Promise<{ status: number; headers: IncomingMessage['headers']; bytes: Buffer; isCut: boolean }>(
      (resolve, reject) => {
        const sent = httpRequest({ host: '127.0.0.1', port: proxy.port, path, headers, method }, (answer) => {
          const chunks: Buffer[] = [];
          const end = (isCut: boolean) =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes: Buffer.concat(chunks), isCut });
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () => end(false));
          answer.on('error', () => end(true));
        });
        sent.on('error', reject);
        sent.end(body);
      },
    );
  return { registry, store, clock, taken, swarms, spoilt, ask, proxy, sentBytes: proxy.sentBytes };
}

describe('a blob that is here', () => {
  it('is sent from here once the registry lets this client read it', async () => {
    const { registry, store, taken, ask } = await proxyTo(guarded);
    await fill(store, BLOB);
    const { status, headers, bytes } = await ask(PATH, ALICE);
    expect([status, bytes.equals(BLOB.bytes), taken.bytes]).toEqual([200, true, 0]);
    expect(headers).toMatchObject({
      ...{ 'shoal-source': 'cache', 'docker-content-digest': BLOB.digest, etag: `"${BLOB.digest}"` },
      ...{ 'content-length': '300000', 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' },
    });
    expect(registry.asked).toEqual([`HEAD ${PATH}`]);
  });

  it('is refused in the registry’s words to who may not read it, whoever read it before', async () => {
    const { store, ask } = await proxyTo(guarded);
    await fill(store, BLOB);
    await ask(PATH, ALICE);
    for (const headers of [{}, { authorization: 'Bearer bob' }] as Record<string, string>[]) {
      const refused = await ask(PATH, headers);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([
        401,
        expect.stringContaining('harbor.test'),
      ]);
      expect(refused.bytes.toString()).toContain('UNAUTHORIZED');
    }
  });

  it('is asked about once a minute a client', async () => {
    const { registry, store, clock, ask } = await proxyTo(guarded);
    await fill(store, BLOB);
    await ask(PATH, ALICE);
    await ask(PATH, ALICE);
    clock.nowMs += 60_000;
    await ask(PATH, ALICE);
    expect(registry.asked).toEqual([`HEAD ${PATH}`, `HEAD ${PATH}`]);
  });

  it('goes on at any byte', async () => {
    const { store, ask } = await proxyTo(serveBlob);
    await fill(store, BLOB);
    const rest = await ask(PATH, { range: 'bytes=299990-' });
    expect([rest.status, rest.headers['content-range'], rest.headers['content-length']]).toEqual([
      ...[206, 'bytes 299990-299999/300000', '10'],
    ]);
    expect(rest.bytes.equals(BLOB.bytes.subarray(299_990))).toBe(true);
    const part = await ask(PATH, { range: 'bytes=5-140000', 'if-range': `"${BLOB.digest}"` });
    expect([part.status, part.bytes.equals(BLOB.bytes.subarray(5, 140_001))]).toEqual([206, true]);
    const other = await ask(PATH, { range: 'bytes=5-', 'if-range': '"other"' });
    expect([other.status, other.bytes.length]).toEqual([200, 300_000]);
    const beyond = await ask(PATH, { range: 'bytes=300000-' });
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */300000']);
  });

  it('has a HEAD', async () => {
    const { store, ask } = await proxyTo(serveBlob);
    await fill(store, BLOB);
    const { status, headers, bytes } = await ask(PATH, {}, 'HEAD');
    expect([status, headers['content-length'], bytes.length]).toEqual([200, '300000', 0]);
  });

  it('is finished by the registry when the disk fails on the way', async () => {
    const { registry, store, spoilt, ask } = await proxyTo(serveBlob);
    const file = await fill(store, BLOB);
    truncateSync(file.path, 140_000);
    const { status, bytes } = await ask(PATH, ALICE);
    expect([status, bytes.equals(BLOB.bytes)]).toEqual([200, true]);
    const { headers } = registry.requests[1] as IncomingMessage;
    expect(headers).toMatchObject({ ...ALICE, range: 'bytes=131072-299999' });
    expect(spoilt).toEqual([BLOB.digest]);
  });

  it('is finished by the registry from the piece on that somebody has overwritten', async () => {
    const { registry, store, spoilt, ask } = await proxyTo(serveBlob);
    const file = await fill(store, BLOB);
    expect((await ask(PATH)).bytes.equals(BLOB.bytes)).toBe(true);
    const handle = openSync(file.path, 'r+');
    writeSync(handle, 'rubbish', 140_000);
    closeSync(handle);
    expect((await ask(PATH)).bytes.equals(BLOB.bytes)).toBe(true);
    expect([registry.requests.at(-1)?.headers.range, spoilt]).toEqual(['bytes=131072-299999', [BLOB.digest]]);
  });

  it('is cut when the disk fails and the registry has no rest: a client never gets wrong bytes', async () => {
    const { store, ask } = await proxyTo((request, response) => {
      if (request.method === 'HEAD') response.writeHead(200).end();
      else response.writeHead(200).end(BLOB.bytes);
    });
    const file = await fill(store, BLOB);
    truncateSync(file.path, 140_000);
    const { isCut, bytes } = await ask(PATH);
    expect([isCut, bytes.equals(BLOB.bytes.subarray(0, bytes.length))]).toEqual([true, true]);
  });
});

describe('a blob that is on its way', () => {
  const pieces = (all: number[]) => (store: BlobStore) => fill(store, BLOB, all);

  it('is sent as it comes, in order, with none of it from the registry', async () => {
    const { registry, store, swarms, ask } = await proxyTo(guarded, {}, { opens: pieces([0, 3]) });
    const answer = ask(PATH, ALICE);
    await until('the wait for the second piece', () => swarms.reading.includes(1));
    for (const piece of [4, 2, 1]) await fill(store, BLOB, [piece]);
    const { status, headers, bytes } = await answer;
    expect([status, headers['shoal-source'], bytes.equals(BLOB.bytes)]).toEqual([200, 'swarm', true]);
    expect(registry.asked).toEqual([]); // the tracker asked it
    expect(swarms.asked).toEqual([{ registry: 'harbor.test', repository: 'team/app', ...ALICE }]);
    expect(swarms.signals[0]?.aborted).toBe(true); // nobody waits any more
  });

  it('is one fetch for fifty clients, each with its own right', async () => {
    const { registry, store, swarms, proxy, ask } = await proxyTo(guarded, {}, { opens: pieces([0]) });
    const first = ask(PATH, ALICE);
    await until('the first', () => proxy.running().length === 1);
    const others = Array.from({ length: 49 }, () => ask(PATH, ALICE));
    const stranger = await ask(PATH);
    await until('all', () => proxy.running()[0]?.clients === 50);
    expect(proxy.running()).toMatchObject([{ digest: BLOB.digest, registry: 'harbor.test', source: 'swarm' }]);
    await fill(store, BLOB);
    const answers = await Promise.all([first, ...others]);
    expect(answers.every(({ bytes }) => bytes.equals(BLOB.bytes))).toBe(true);
    expect([stranger.status, swarms.asked.length]).toEqual([401, 1]);
    expect(registry.asked.filter((line) => line.startsWith('GET'))).toEqual([`GET ${PATH}`]); // the stranger’s
  });

  it('is one fetch for the ranges that containerd asks for side by side', async () => {
    const { registry, store, swarms, proxy, ask } = await proxyTo(guarded, {}, { opens: pieces([0]) });
    const part = 75_000;
    const ranges = [0, 1, 2, 3].map((at) =>
      ask(PATH, { ...ALICE, range: `bytes=${at * part}-${(at + 1) * part - 1}` }),
    );
    await until('all', () => proxy.running()[0]?.clients === 4);
    for (const piece of [4, 2, 3, 1]) await fill(store, BLOB, [piece]);
    const answers = await Promise.all(ranges);
    expect(answers.map(({ status }) => status)).toEqual([206, 206, 206, 206]);
    expect(Buffer.concat(answers.map(({ bytes }) => bytes)).equals(BLOB.bytes)).toBe(true);
    expect([swarms.asked.length, registry.asked.filter((line) => line.startsWith('GET'))]).toEqual([1, []]);
  });

  it('goes on from the registry, once for all, at the piece that does not come', async () => {
    const waits = { pieceMs: 20 };
    const { registry, swarms, ask, sentBytes } = await proxyTo(serveBlob, {}, { opens: pieces([0, 1, 4]), waits });
    const answers = await Promise.all([ask(PATH), ask(PATH), ask(PATH)]);
    expect(answers.every(({ status, bytes }) => status === 200 && bytes.equals(BLOB.bytes))).toBe(true);
    const gets = registry.requests.filter(({ method }) => method === 'GET');
    expect(gets.map(({ headers }) => headers.range)).toEqual(['bytes=131072-262143']);
    expect(sentBytes.registry).toBeGreaterThan(0);
    expect(swarms.offered).toEqual([BLOB.digest]);
  });

  it('goes on by each client’s own request when the registry’s bytes are wrong', async () => {
    const wrong: Handler = (request, response) => serveRange(request, response, Buffer.alloc(BLOB.size));
    const { ask, swarms } = await proxyTo(wrong, {}, { opens: pieces([0]), waits: { pieceMs: 20 } });
    const { bytes } = await ask(PATH);
    expect([bytes.length, bytes.equals(BLOB.bytes), swarms.offered]).toEqual([BLOB.size, false, []]);
  });

  it('goes on from the registry when it is given up', async () => {
    const { store, proxy, ask } = await proxyTo(serveBlob, {}, { opens: pieces([0]) });
    const answer = ask(PATH);
    await until('the pull', () => proxy.running().length === 1);
    await store.remove(BLOB.digest);
    expect((await answer).bytes.equals(BLOB.bytes)).toBe(true);
  });
});

describe('a blob that no swarm brings', () => {
  it.each([
    ['the tracker is away', { away: true }],
    ['no seeder is online', { refusal: 'NO_SEEDER' }],
  ])('because %s is read once for all, in pieces, and kept', async (_title, kit) => {
    const { registry, store, swarms, ask } = await proxyTo(serveBlob, {}, { ...kit, waits: { jitterMs: 1 } });
    const answers = await Promise.all([ask(PATH, ALICE), ask(PATH, ALICE), ask(PATH, ALICE)]);
    expect(answers.every(({ bytes }) => bytes.equals(BLOB.bytes))).toBe(true);
    expect(answers[0]?.headers['shoal-source']).toBe('registry');
    const gets = registry.requests.filter(({ method }) => method === 'GET');
    expect(gets.map(({ headers }) => [headers.range, headers.authorization])).toEqual([
      ['bytes=0-299999', 'Bearer alice'],
    ]);
    expect([store.get(BLOB.digest)?.complete, swarms.offered]).toEqual([true, [BLOB.digest]]);
  });

  it('is refused in the registry’s words when the registry refuses it to the tracker', async () => {
    const { registry, ask } = await proxyTo(guarded, {}, { refusal: 'PULL_REFUSED' });
    expect([(await ask(PATH)).status, registry.asked]).toEqual([401, [`GET ${PATH}`]]);
  });

  it('comes from the registry when the tracker does not answer in time', async () => {
    const { ask } = await proxyTo(serveBlob, {}, { silent: true, waits: { joinMs: 20, jitterMs: 1 } });
    expect((await ask(PATH)).bytes.equals(BLOB.bytes)).toBe(true);
  });

  it('goes on from where a cut client comes back, and is kept as a whole', async () => {
    const large = blobOf(1_000_000); // four pieces
    const path = `/v2/team/app/blobs/${large.digest}`;
    const serve: Handler = (request, response) => serveRange(request, response, large.bytes);
    const { store, spoilt, ask } = await proxyTo(serve, {}, { away: true, waits: { jitterMs: 1 } });
    const rest = await ask(path, { range: 'bytes=600000-' });
    expect([rest.status, rest.bytes.equals(large.bytes.subarray(600_000))]).toEqual([206, true]);
    await until('the whole', () => store.get(large.digest)?.complete === true);
    await until('its hashes', () => store.get(large.digest)?.hashCount === 4);
    const again = await ask(path);
    expect([again.headers['shoal-source'], again.bytes.equals(large.bytes), spoilt]).toEqual(['cache', true, []]);
  });
});

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
    expect([(await ask('/v2/')).status, (await ask(TAG)).bytes.toString()]).toEqual([200, 'manifest']);
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

it('more than two thousand bodies at a time are refused so that engines try again', async () => {
  const { store, proxy, ask } = await proxyTo(serveBlob, {}, { opens: (place) => fill(place, BLOB, []) });
  const waiting = Array.from({ length: 2048 }, () => ask(PATH));
  await until('all', () => proxy.running()[0]?.clients === 2048);
  await until('one more to be refused', async () => (await ask(PATH, {}, 'GET')).status === 503);
  await fill(store, BLOB);
  expect((await Promise.all(waiting)).every(({ bytes }) => bytes.length === BLOB.size)).toBe(true);
  expect((await ask(PATH)).status).toBe(200);
}, 60_000);

describe('anything else', () => {
  it('goes to the registry with the client’s own words, and counts against the policy', async () => {
    const { registry, taken, ask } = await proxyTo((_, response) => {
      response.writeHead(200, { 'content-type': 'a/b; c', 'docker-content-digest': BLOB.digest }).end('manifest');
    });
    const said = {
      ...ALICE,
      accept: 'a/b, c/d',
      'accept-encoding': 'gzip',
      'if-none-match': '"x"',
      'user-agent': 'docker/20',
    };
    const { headers, bytes } = await ask('/v2/harbor.test/team/app/manifests/1', said);
    const [asked] = registry.requests;
    expect(asked?.url).toBe('/v2/team/app/manifests/1');
    expect(asked?.headers).toMatchObject({
      ...ALICE,
      accept: 'a/b, c/d',
      'if-none-match': '"x"',
      'user-agent': 'docker/20',
    });
    expect(asked?.headers['accept-encoding']).toBeUndefined();
    expect([bytes.toString(), taken.bytes]).toEqual(['manifest', 8]);
    expect(headers).toMatchObject({
      'content-type': 'a/b; c',
      'docker-content-digest': BLOB.digest,
      'shoal-source': 'registry',
    });
  });

  it('may be a push', async () => {
    const { registry, ask } = await proxyTo((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () =>
        response.writeHead(202, { location: '/v2/x', echo: Buffer.concat(chunks).toString() }).end(),
      );
    });
    const { status, headers } = await ask('/v2/team/app/blobs/uploads/1', { 'content-length': '5' }, 'PATCH', 'bytes');
    expect([status, headers.location, headers.echo]).toEqual([202, '/v2/x', 'bytes']);
    expect(registry.asked).toEqual(['PATCH /v2/team/app/blobs/uploads/1']);
  });

  it('follows a redirect for the client, without the login', async () => {
    const storage = await fakeRegistry(serveBlob);
    const { ask } = await proxyTo((_, response) => response.writeHead(307, { location: `${storage.url}/s3` }).end());
    const { status, bytes } = await ask(PATH, { ...ALICE, range: 'bytes=10-' });
    expect([status, bytes.equals(BLOB.bytes.subarray(10))]).toEqual([206, true]);
    expect(storage.requests.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['HEAD', undefined],
      ['GET', undefined],
    ]);
  });

  it('is cut where the registry’s answer is cut', async () => {
    const { ask } = await proxyTo((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.destroy());
    });
    expect((await ask('/v2/team/app/tags/list')).isCut).toBe(true);
    const manifest = await ask('/v2/team/app/manifests/1'); // none of it was sent: docker tries again
    expect([manifest.status, manifest.isCut]).toEqual([502, false]);
  });
});

describe('when nothing can serve', () => {
  it.each([
    ['the registry is away: docker tries again', { url: 'http://127.0.0.1:9' }, PATH, 503, 'UNAVAILABLE'],
    ['the registry is unknown', {}, `${PATH}?ns=evil.test`, 404, 'NAME_UNKNOWN'],
    ['the digest is none', {}, '/v2/team/app/blobs/x', 400, 'DIGEST_INVALID'],
  ])('because %s, the client is told in the spec’s form', async (_title, place, path, status, code) => {
    const { registry, ask } = await proxyTo(
      serveBlob,
      'url' in place ? { registries: [{ host: 'harbor.test', ...place }] } : {},
    );
    const answer = await ask(path, ALICE);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.bytes.toString())).toMatchObject({ errors: [{ code, message: expect.any(String) }] });
    expect(answer.bytes.toString()).not.toContain('alice');
    expect(registry.asked).toEqual([]);
  });
});

it('the only registry is the default', async () => {
  const { registry, ask } = await proxyTo(serveBlob, { default: undefined });
  await ask(PATH);
  expect(registry.asked).toContain(`GET ${PATH}`);
});

it('a default that is no known registry is refused at the start', async () => {
  await expect(proxyTo(serveBlob, { default: 'other.test' })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
});

it('a port that is taken is said with its key', async () => {
  const { registry } = await proxyTo(serveBlob);
  const port = Number(new URL(registry.url).port);
  await expect(proxyTo(serveBlob, { port })).rejects.toThrow('set proxy.port');
});
