/** The doors of a whole proxy, in front of an HTTP server that plays a registry. */
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { blobOf, fill } from '../store/store.testkit.ts';
import { type Answer, askOn, plainTo, proxyWithDoors, secured } from './doors.testkit.ts';
import { fakeRegistry } from './proxy.testkit.ts';

const HARBOR = 'harbor.test';
const BLOB = blobOf(1000);
const PATH = `/v2/team/app/blobs/${BLOB.digest}`;
const CHALLENGE = {
  'content-length': 'from harbor'.length,
  'www-authenticate': 'Bearer realm="https://harbor.test/service/token"',
};

/** Two registries behind the proxy; the second is the default and never meant. */
async function site({ tls = false } = {}) {
  const registry = await fakeRegistry((_, response) => response.writeHead(200, CHALLENGE).end('from harbor'));
  const other = await fakeRegistry((_, response) => response.end('from other'));
  const doors = await proxyWithDoors({
    registries: [
      { host: HARBOR, url: registry.url },
      { host: 'other.test', url: other.url },
    ],
    default: 'other.test',
    ...(tls && { tls: { host: '127.0.0.1', port: 0 } }),
  });
  const harbor = async () => {
    const { socket } = await doors.connect(`${HARBOR}:443`);
    return secured({ socket, servername: HARBOR, ca: doors.ca });
  };
  return { ...doors, registry, other, harbor };
}

describe('CONNECT to a registry', () => {
  it('is answered in its name by the agent’s own authority', async () => {
    const socket = await (await site()).harbor();
    expect(socket.getPeerCertificate().subjectaltname).toBe(`DNS:${HARBOR}`);
  });

  it('leads to that registry, whatever namespace, name or default says', async () => {
    const { harbor, registry, other } = await site();
    const socket = await harbor();
    await askOn(socket, `/v2/other.test/app/manifests/1?ns=other.test`);
    expect([registry.asked, other.asked]).toEqual([['GET /v2/other.test/app/manifests/1?ns=other.test'], []]);
  });

  it('has the ping, the token and the cache as the plain door has them', async () => {
    const { harbor, registry, store } = await site();
    await fill(store, BLOB);
    const ping = await askOn(await harbor(), '/v2/');
    expect([ping.status, ping.headers['www-authenticate']]).toEqual([200, CHALLENGE['www-authenticate']]);
    await askOn(await harbor(), '/service/token?service=harbor-registry', { headers: { authorization: 'Basic x' } });
    const blob = await askOn(await harbor(), PATH);
    expect(blob.headers['shoal-source']).toBe('cache');
    expect(registry.asked).toEqual(['GET /v2/', 'GET /service/token?service=harbor-registry', `HEAD ${PATH}`]);
    expect(registry.requests[1]?.headers.authorization).toBe('Basic x');
  });

  it('serves one request after another on one connection, but no CONNECT inside', async () => {
    const socket = await (await site()).harbor();
    for (const path of ['/v2/', '/v2/']) {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${HARBOR}\r\n\r\n`);
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 200 /);
    }
    socket.write(`CONNECT ${HARBOR}:443 HTTP/1.1\r\nhost: ${HARBOR}\r\n\r\n`);
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 400 /);
  });

  it('ends with the proxy, in the middle of a handshake too', async () => {
    const { connect, harbor, close } = await site();
    const [silent, secure] = [(await connect(`${HARBOR}:443`)).socket, await harbor()];
    const ended = [once(silent, 'close'), once(secure, 'close')];
    for (const socket of [silent, secure]) socket.on('error', () => {}).resume();
    await close();
    await Promise.all(ended);
  });
});

describe('a request in absolute form', () => {
  it('for a registry goes there, for another host nowhere', async () => {
    const { proxy, registry } = await site();
    const ask = async (path: string) => askOn(await plainTo(proxy.port), path);
    expect((await ask(`http://${HARBOR}/v2/`)).text).toBe('from harbor');
    expect(registry.asked).toEqual(['GET /v2/']);
    expect(await ask('http://evil.test/')).toMatchObject({ status: 403, text: expect.stringContaining('NO_PROXY') });
  });
});

describe('the stand-in', () => {
  it('answers in the registry’s name and asks the registry', async () => {
    const { standIn, registry, other } = await site({ tls: true });
    const socket = await standIn(HARBOR);
    expect(socket.getPeerCertificate().subjectaltname).toBe(`DNS:${HARBOR}`);
    expect((await askOn(socket, '/v2/', { headers: { host: HARBOR } })).text).toBe('from harbor');
    expect([registry.asked, other.asked]).toEqual([['GET /v2/'], []]);
  });

  it('does not let one registry’s connection ask another', async () => {
    const { standIn, other } = await site({ tls: true });
    const answer = await askOn(await standIn(HARBOR), '/v2/', { headers: { host: 'other.test' } });
    expect([answer.status, other.asked]).toEqual([421, []]);
  });

  it.each([['evil.test'], ['']])('has no certificate for "%s"', async (name) => {
    const { standIn } = await site({ tls: true });
    await expect(standIn(name)).rejects.toThrow(/handshake failure/);
  });

  it('on a taken port is said with its key, and leaves nothing open', async () => {
    const { proxy } = await site({ tls: true });
    const port = proxy.tlsPort ?? 0;
    await expect(proxyWithDoors({ tls: { host: '127.0.0.1', port } })).rejects.toThrow('set proxy.tls.port');
  });

  it('ends with the proxy, in the middle of a handshake too', async () => {
    const { proxy, standIn, close } = await site({ tls: true });
    const silent = await plainTo(proxy.tlsPort ?? 0);
    const secure = await standIn(HARBOR);
    const ended = [once(silent, 'close'), once(secure, 'close')];
    for (const socket of [silent, secure]) socket.on('error', () => {}).resume();
    await close();
    await Promise.all(ended);
  });
});

it.each([
  ['/v2/team/app/tags/list', '/v2/team/app/tags/list'],
  ['/shoal/token', '/v2/'],
])('a registry whose name leads back to the proxy is found out by %s, not asked for ever', async (path, asked) => {
  let ask: (headers: IncomingHttpHeaders) => Promise<Answer> = () => Promise.reject();
  const registry = await fakeRegistry((request, response) => {
    ask(request.headers).then(({ status, text }) => response.writeHead(status).end(text));
  });
  const { proxy } = await proxyWithDoors({ registries: [{ host: HARBOR, url: registry.url }] });
  ask = async (headers) => askOn(await plainTo(proxy.port), path, { headers: headers as Record<string, string> });
  expect(await ask({})).toMatchObject({
    status: 508,
    text: expect.stringContaining('give its entry in registries an address'),
  });
  expect(registry.asked).toEqual([`GET ${asked}`]);
});

it('what is set for other programs is not used for the way to registries', async () => {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) vi.stubEnv(name, 'http://127.0.0.1:9');
  const { harbor } = await site();
  expect((await askOn(await harbor(), '/v2/')).text).toBe('from harbor');
  vi.unstubAllEnvs();
});
