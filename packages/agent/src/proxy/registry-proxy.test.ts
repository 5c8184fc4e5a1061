/** The proxy in front of an HTTP server that plays a registry, and a store with a blob in it. */

import { truncateSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { blobOf, fill, temporaryFolder, testStore } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { until } from '../wait.testkit.ts';
import { openAuthority } from './authority.ts';
import { fakeRegistry, type Handler, serveRange } from './proxy.testkit.ts';
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

interface Coming {
  isComing?: boolean;
  pieceWaitMs?: number;
}

async function proxyTo(
  handler: Handler,
  changes: Partial<ProxyOptions> = {},
  { isComing = false, pieceWaitMs }: Coming = {},
) {
  const registry = await fakeRegistry(handler);
  const store = await testStore();
  const clock = { nowMs: 1_000_000 };
  const taken = { bytes: 0 };
  const take = async (bytes: number) => {
    taken.bytes += bytes;
  };
  const joined: AbortSignal[] = [];
  const joinFetch = (_digest: string, signal: AbortSignal) => isComing && joined.push(signal) > 0;
  const registries = [{ host: 'harbor.test', url: registry.url }];
  const proxy = await openRegistryProxy(
    { host: '127.0.0.1', port: 0, registries, default: 'harbor.test', ...changes },
    {
      authority: await openAuthority(temporaryFolder()),
      store,
      joinFetch,
      take,
      logger: silent,
      nowMs: () => clock.nowMs,
      pieceWaitMs,
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
  return { registry, store, clock, taken, joined, ask, sentBytes: proxy.sentBytes };
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
    const { registry, store, ask } = await proxyTo(serveBlob);
    const file = await fill(store, BLOB);
    truncateSync(file.path, 140_000);
    const { status, bytes } = await ask(PATH, ALICE);
    expect([status, bytes.equals(BLOB.bytes)]).toEqual([200, true]);
    const { headers } = registry.requests[1] as IncomingMessage;
    expect(headers).toMatchObject({ ...ALICE, range: 'bytes=131072-299999' });
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

  it('is not sent when only a part of it is here', async () => {
    const { store, ask } = await proxyTo(serveBlob);
    await fill(store, BLOB, [0, 1]);
    const { headers, bytes } = await ask(PATH);
    expect([headers['shoal-source'], bytes.equals(BLOB.bytes)]).toEqual(['registry', true]);
  });
});

describe('a blob that is on its way', () => {
  it('is sent as it comes, in order, with none of it from the registry', async () => {
    const { registry, store, joined, ask } = await proxyTo(guarded, {}, { isComing: true });
    await fill(store, BLOB, [0, 3]);
    const answer = ask(PATH, ALICE);
    await until('the wait for the second piece', () => joined.length === 1 && registry.asked.length === 1);
    for (const piece of [4, 2, 1]) await fill(store, BLOB, [piece]);
    const { status, headers, bytes } = await answer;
    expect([status, headers['shoal-source'], bytes.equals(BLOB.bytes)]).toEqual([200, 'swarm', true]);
    expect(registry.asked).toEqual([`HEAD ${PATH}`]);
    expect(joined[0]?.aborted).toBe(true); // the fetch is a pull's no more
  });

  it('goes on from the registry at the byte where it stands when a piece does not come', async () => {
    const { registry, store, ask, sentBytes } = await proxyTo(serveBlob, {}, { isComing: true, pieceWaitMs: 20 });
    await fill(store, BLOB, [0, 1, 4]);
    const { status, bytes } = await ask(PATH);
    expect([status, bytes.equals(BLOB.bytes)]).toEqual([200, true]);
    expect(registry.requests[1]?.headers.range).toBe('bytes=131072-299999');
    expect(sentBytes).toEqual({ cache: 0, swarm: 131_072, registry: 168_928 });
  });

  it('is not hurried for who may not read it', async () => {
    const { store, joined, ask } = await proxyTo(guarded, {}, { isComing: true });
    await fill(store, BLOB, [0]);
    expect([(await ask(PATH)).status, joined.length]).toEqual([401, 0]);
  });

  it('goes on from the registry when it is given up', async () => {
    const { store, registry, ask } = await proxyTo(serveBlob, {}, { isComing: true });
    await fill(store, BLOB, [0]);
    const answer = ask(PATH);
    await until('the right', () => registry.asked.length === 1);
    await store.remove(BLOB.digest);
    expect((await answer).bytes.equals(BLOB.bytes)).toBe(true);
  });
});

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
    expect(storage.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('is cut where the registry’s answer is cut', async () => {
    const { ask } = await proxyTo((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.destroy());
    });
    expect((await ask(PATH)).isCut).toBe(true);
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
  expect(registry.asked).toEqual([`GET ${PATH}`]);
});

it('a default that is no known registry is refused at the start', async () => {
  await expect(proxyTo(serveBlob, { default: 'other.test' })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
});

it('a port that is taken is said with its key', async () => {
  const { registry } = await proxyTo(serveBlob);
  const port = Number(new URL(registry.url).port);
  await expect(proxyTo(serveBlob, { port })).rejects.toThrow('set proxy.port');
});
