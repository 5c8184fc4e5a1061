/** The proxy in front of an HTTP server that plays a registry, and a store with a blob in it. */
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { fill } from '../store/store.testkit.ts';
import { until } from '../wait.testkit.ts';
import { fakeRegistry } from './proxy.testkit.ts';
import { ALICE, BLOB, guarded, PATH, proxyTo, serveBlob } from './proxy-to.testkit.ts';

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

  it('is in use while it is sent, so that nobody evicts it', async () => {
    const { store, ask } = await proxyTo(guarded);
    const file = await fill(store, BLOB);
    const seen: boolean[] = [];
    const read = file.read.bind(file);
    file.read = (position, target) => {
      seen.push(file.inUse);
      return read(position, target);
    };
    expect((await ask(PATH, ALICE)).status).toBe(200);
    expect(new Set(seen)).toEqual(new Set([true]));
    await until('the end', () => !file.inUse);
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
