import { digestOf, parseReference } from '@shoal/oci';
import { describe, expect, it } from 'vitest';
import { createImage, REFERENCE } from './image.testkit.ts';
import { createRegistrySource } from './registry-source.ts';
import { type Handler, json, startServer } from './test-server.testkit.ts';
import { createVirtualTime } from './virtual-time.testkit.ts';

const image = createImage();

async function open(handler: Handler, options: object = {}) {
  const server = await startServer(handler);
  const time = createVirtualTime();
  const source = createRegistrySource({ host: 'registry.test', url: server.url, ...options }, time);
  return { server, time, source };
}

const serveImage: Handler = (_, response) => {
  response.writeHead(200, { 'content-type': `${image.mediaType}; charset=utf-8` }).end(image.manifest);
};

/** Fails `times` times, then serves the image. */
const failing = (times: number, status: number, headers: Record<string, string> = {}): Handler => {
  return (request, response, count) => {
    if (count < times)
      return json(response.setHeaders(new Map(Object.entries(headers))), status, {
        errors: [{ code: 'E', message: 'words' }],
      });
    serveImage(request, response, count);
  };
};

describe('a manifest', () => {
  it('asked for by tag has the digest of its bytes and the media type it came with', async () => {
    let bytesRead = 0;
    const { source, server } = await open(serveImage, { onBytes: (bytes: number) => (bytesRead += bytes) });
    const { digest, mediaType, bytes } = await source.resolve(REFERENCE);
    expect({ digest, mediaType, bytes }).toEqual({
      digest: image.digest,
      mediaType: image.mediaType,
      bytes: image.manifest,
    });
    expect(server.requests[0]?.headers.accept).toContain('application/vnd.docker.distribution.manifest.list.v2+json');
    expect(bytesRead).toBe(image.manifest.length);
  });

  it('is asked for by digest when the reference has one', async () => {
    const { source, server } = await open(serveImage);
    await source.resolve(parseReference(`registry.test/team/a:1@${image.digest}`));
    await source.manifest('team/a', image.digest);
    expect(server.asked).toEqual(Array(2).fill(`GET /v2/team/a/manifests/${image.digest}`));
  });

  it('is asked for with the authorization of somebody else, as it is and without a login of our own', async () => {
    const refuse: Handler = (_, response) => {
      response.setHeader('www-authenticate', 'Bearer realm="http://127.0.0.1:9/token",service="s"');
      json(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'not with Bearer g1ven' }] });
    };
    const given = { username: 'robot', password: 'own', authorization: 'Bearer g1ven' };
    const good = await open(serveImage, given);
    await good.source.resolve(REFERENCE);
    expect(good.server.logins).toEqual(['Bearer g1ven']);
    const bad = await open(refuse, given);
    const error = await bad.source.resolve(REFERENCE).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(bad.server.logins).toEqual(['Bearer g1ven']);
    expect(String((error as Error).message)).not.toContain('g1ven');
  });

  it('whose bytes do not match the digest asked for is DIGEST_MISMATCH', async () => {
    const { source } = await open(serveImage);
    const other = digestOf(Buffer.from('other'));
    await expect(source.manifest('team/a', other)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('says its type itself when the registry names a vague one', async () => {
    const { source } = await open((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(image.manifest),
    );
    expect((await source.resolve(REFERENCE)).mediaType).toBe(image.mediaType);
  });

  it('that is a web page is BAD_RESPONSE', async () => {
    const { source } = await open((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>'),
    );
    await expect(source.resolve(REFERENCE)).rejects.toThrow(/no image manifest but text\/html/);
  });

  it('of endless length is BAD_RESPONSE, read no further than the cap', async () => {
    const { source } = await open((_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 0x20);
      const more = () => void response.write(chunk, more);
      more();
    });
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });

  it('of a repository whose name is none is not asked for', async () => {
    const { source, server } = await open(serveImage);
    for (const name of ['', '../x', 'a/../../x', 'A', 'a?b', 'a//b', 'a/']) {
      await expect(source.manifest(name, image.digest)).rejects.toMatchObject({ code: 'INVALID_NAME' });
    }
    expect(server.asked).toEqual([]);
  });
});

describe('an answer that is no success', () => {
  it.each([
    [404, 'UNKNOWN_MANIFEST'],
    [403, 'FORBIDDEN'],
    [412, 'FORBIDDEN'],
    [400, 'BAD_RESPONSE'],
  ])('%i is %s at once, in the words of the registry', async (status, code) => {
    const { source, server } = await open(failing(9, status));
    const error = await source.resolve(REFERENCE).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, status, registryText: 'E: words' });
    expect(String(error)).toContain('registry.test/team/a:1');
    expect(String(error)).toContain('The registry said: "E: words".');
    expect(server.asked).toHaveLength(1);
  });

  it('5xx is tried again with growing delays', async () => {
    const { source, time } = await open(failing(3, 502));
    await expect(source.resolve(REFERENCE)).resolves.toMatchObject({ digest: image.digest });
    expect(time.waitsMs).toEqual([250, 500, 1000]);
  });

  it('5xx is REGISTRY_FAILED after the last try', async () => {
    const { source, server } = await open(failing(99, 500));
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({
      code: 'REGISTRY_FAILED',
      retryable: true,
      status: 500,
    });
    expect(server.asked).toHaveLength(5);
  });

  it('429 and 503 are tried again when the registry says, in seconds or by date', async () => {
    const seconds = await open(failing(1, 429, { 'retry-after': '7' }));
    await seconds.source.resolve(REFERENCE);
    expect(seconds.time.waitsMs).toEqual([7000]);
    const date = await open(failing(1, 503, { 'retry-after': 'Mon, 23 Nov 2026 00:00:09 GMT' }));
    await date.source.resolve(REFERENCE);
    expect(date.time.waitsMs).toEqual([9000]);
  });

  it('429 for longer than we care to wait is RATE_LIMITED at once, with the time asked for', async () => {
    const { source, time } = await open(failing(9, 429, { 'retry-after': '3600' }));
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 3_600_000 });
    expect(time.waitsMs).toEqual([]);
  });

  it('429 without end is RATE_LIMITED after the last try', async () => {
    const { source, server } = await open(failing(99, 429, { 'retry-after': '1' }));
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(server.asked).toHaveLength(5);
  });
});
