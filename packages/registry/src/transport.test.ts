import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { selfSignedCertificate } from './certificate.testkit.ts';
import { createImage, descriptorOf, patternOf, REFERENCE, readAll } from './image.testkit.ts';
import { createRegistrySource } from './registry-source.ts';
import { type Handler, json, serveRange, startServer } from './test-server.testkit.ts';
import { createVirtualTime } from './virtual-time.testkit.ts';

const image = createImage();
const BYTES = patternOf(1000);
const BLOB = descriptorOf(BYTES);
const serveImage: Handler = (_, response) => {
  response.writeHead(200, { 'content-type': image.mediaType }).end(image.manifest);
};
const resolve = (options: Parameters<typeof createRegistrySource>[0]) =>
  createRegistrySource(options, createVirtualTime()).resolve(REFERENCE);

describe('a redirect', () => {
  const needsLogin = (location: (host: string) => string): Handler => {
    return (request, response) => {
      if (request.url?.startsWith('/stored')) return serveRange(request, response, BYTES);
      if (request.headers.authorization === undefined) {
        return void response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      }
      response.writeHead(307, { location: location(request.headers.host ?? '') }).end('moved');
    };
  };
  const login = { username: 'user', password: 'secret' };

  it('to another host carries Range but no login', async () => {
    const storage = await startServer((request, response) => serveRange(request, response, BYTES));
    const server = await startServer(needsLogin(() => `${storage.url}/stored?sig=abc`));
    const source = createRegistrySource({ host: 'registry.test', url: server.url, ...login });
    expect((await readAll(source, BLOB, 100)).equals(BYTES.subarray(100))).toBe(true);
    expect(storage.logins).toEqual([undefined]);
    expect(storage.requests[0]?.headers.range).toBe('bytes=100-');
  });

  it('within the host carries the login too', async () => {
    const server = await startServer(needsLogin(() => '/stored/here'));
    const source = createRegistrySource({ host: 'registry.test', url: server.url, ...login });
    expect((await readAll(source, BLOB)).equals(BYTES)).toBe(true);
    expect(server.logins.at(-1)).toMatch(/^Basic /);
  });

  it('to a host that wants a login itself gets none', async () => {
    const storage = await startServer(
      (_, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="trap"' }).end(),
    );
    const server = await startServer(needsLogin(() => `${storage.url}/stored`));
    const source = createRegistrySource({ host: 'registry.test', url: server.url, ...login });
    await expect(readAll(source, BLOB)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(storage.logins).toEqual([undefined]);
  });

  it.each([['/again'], ['ftp://elsewhere/x'], ['file:///etc/passwd']])(
    'to %s is BAD_RESPONSE in the end',
    async (location) => {
      const server = await startServer((_, response) => void response.writeHead(302, { location }).end());
      await expect(resolve({ host: 'registry.test', url: server.url })).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
      expect(server.asked.length).toBeLessThanOrEqual(6);
    },
  );
});

describe('TLS', () => {
  const { key, cert } = selfSignedCertificate();

  it('with a CA of our own is trusted once the CA is configured', async () => {
    const server = await startServer(serveImage, { key, cert });
    await expect(resolve({ host: 'registry.test', url: server.url })).rejects.toMatchObject({
      code: 'UNTRUSTED',
      message: expect.stringContaining("Configure the registry's CA"),
    });
    await expect(resolve({ host: 'registry.test', url: server.url, ca: cert })).resolves.toMatchObject({
      digest: image.digest,
    });
  });

  it('is used for a registry of this machine without a check, as the Docker daemon does it', async () => {
    const server = await startServer(serveImage, { key, cert });
    await expect(resolve({ host: server.host })).resolves.toMatchObject({ digest: image.digest });
    expect(server.asked).toEqual(['GET /v2/', 'GET /v2/team/a/manifests/1']);
  });

  it('is checked for other hosts even when this machine’s own registry points there', async () => {
    const elsewhere = await startServer((request, response) => serveRange(request, response, BYTES), { key, cert });
    // 0.0.0.0 reaches this machine too, and is no loopback address.
    const location = elsewhere.url.replace('127.0.0.1', '0.0.0.0');
    const server = await startServer(({ url }, response) => {
      response.writeHead(url === '/v2/' ? 200 : 307, { location }).end();
    });
    const source = createRegistrySource({ host: server.host }, createVirtualTime());
    await expect(readAll(source, BLOB)).rejects.toMatchObject({ code: 'UNTRUSTED' });
    expect(elsewhere.asked).toEqual([]);
  });

  it('gives way to http for a registry of this machine that speaks only that', async () => {
    const server = await startServer(serveImage);
    await expect(resolve({ host: server.host })).resolves.toMatchObject({ digest: image.digest });
  });

  it('does not give way where https was asked for', async () => {
    const server = await startServer(serveImage);
    const url = server.url.replace('http:', 'https:');
    await expect(resolve({ host: server.host, url })).rejects.toThrow(
      /does not speak https .*Is it an http:\/\/ registry/,
    );
    expect(server.asked).toEqual([]);
  });

  it('keeps the password from a token service over plain http', async () => {
    const tokens = await startServer((_, response) => json(response, 200, { token: 't' }));
    const challenge = { 'www-authenticate': `Bearer realm="${tokens.url}/token"` };
    const server = await startServer((_, response) => void response.writeHead(401, challenge).end(), { key, cert });
    const login = { username: 'u', password: 'p' };
    const attempt = resolve({ host: 'registry.test', url: server.url, ca: cert, ...login });
    await expect(attempt).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(tokens.asked).toEqual([]);
  });

  it('with a CA that is no certificate is refused at the start', () => {
    expect(() =>
      createRegistrySource({ host: 'h', ca: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----' }),
    ).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
  });
});

describe('an address', () => {
  const { key, cert } = selfSignedCertificate();
  const addressOf = (server: { host: string }) => ({ host: 'localhost:7', address: server.host, ca: cert });

  it('is where we connect, while the registry is asked and checked under its own name', async () => {
    const server = await startServer(serveImage, { key, cert });
    await expect(resolve(addressOf(server))).resolves.toMatchObject({ digest: image.digest });
    const [asked] = server.requests;
    expect([asked?.headers.host, asked?.socket]).toEqual([
      'localhost:7',
      expect.objectContaining({ servername: 'localhost' }),
    ]);
  });

  it('does not make a certificate for another name good', async () => {
    const server = await startServer(serveImage, { key, cert });
    const attempt = resolve({ ...addressOf(server), host: 'registry.test' });
    await expect(attempt).rejects.toMatchObject({ code: 'UNTRUSTED' });
    // Nor does a name of this machine let one pass unchecked, once it leads elsewhere.
    await expect(resolve({ host: 'localhost:7', address: server.host })).rejects.toMatchObject({ code: 'UNTRUSTED' });
    expect(server.asked).toEqual([]);
  });

  it('is not that of a host we are redirected to', async () => {
    const storage = await startServer((request, response) => serveRange(request, response, BYTES));
    const location = `${storage.url}/stored`;
    const server = await startServer((_, response) => void response.writeHead(307, { location }).end(), { key, cert });
    expect((await readAll(createRegistrySource(addressOf(server)), BLOB)).equals(BYTES)).toBe(true);
    expect([server.asked.length, storage.asked]).toEqual([1, ['GET /stored']]);
  });

  it.each(['10.0.0.5', '10.0.0.5:0', '10.0.0.5:65536', 'https://10.0.0.5:443', ':443', '::1:443'])(
    '%s is refused at the start',
    (address) => {
      const refuse = () => createRegistrySource({ host: 'h', address });
      expect(refuse).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    },
  );
});

describe('silence', () => {
  it('before the headers is UNREACHABLE after the time allowed', async () => {
    const server = await startServer(() => {});
    const options = { host: 'registry.test', url: server.url, headersTimeoutMs: 50, maxAttempts: 2 };
    await expect(resolve(options)).rejects.toMatchObject({ code: 'UNREACHABLE', retryable: true });
    expect(server.asked).toHaveLength(2);
  });

  it('in the middle of a body is a cut, and the read goes on', async () => {
    const server = await startServer((request, response, count) => {
      if (count > 0) return serveRange(request, response, BYTES);
      response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 400));
    });
    const options = { host: 'registry.test', url: server.url, bodyIdleTimeoutMs: 50 };
    const source = createRegistrySource(options, createVirtualTime());
    expect((await readAll(source, BLOB)).equals(BYTES)).toBe(true);
    expect(server.requests[1]?.headers.range).toBe('bytes=400-');
  });

  it('of a port where nobody listens is UNREACHABLE and says what to check', async () => {
    const port = await closedPort();
    const attempt = resolve({ host: `127.0.0.1:${port}`, maxAttempts: 2 });
    await expect(attempt).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/neither https nor http answers.*ECONNREFUSED.*registry is up/),
    });
  });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

it('an answer that is no HTTP is UNREACHABLE, not tried again', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.once('data', () => socket.end('220 mail.test ESMTP\r\n'));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(resolve({ host: 'registry.test', url })).rejects.toMatchObject({
    code: 'UNREACHABLE',
    retryable: false,
  });
  expect(connections).toBe(1);
});
