/** CONNECT to others than registries. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { authorityCertificate, newKey, serverCertificate } from './certificates.ts';
import { plainTo, proxyWithDoors, secured } from './doors.testkit.ts';

/** Somebody else's server on loopback. */
async function server(handler: (socket: Socket) => void): Promise<string> {
  const listener = createServer({ allowHalfOpen: true }, handler);
  return listening(listener);
}

async function listening(listener: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void listener.close());
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`;
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    await new Promise(setImmediate); // slow: much is still under way when the other side has ended
  }
  return Buffer.concat(chunks).toString();
}

describe('CONNECT to another host', () => {
  it('is passed through: the client sees that server’s own certificate', async () => {
    const key = createPrivateKey(newKey());
    const ca = await authorityCertificate(key, Date.now());
    const own = await serverCertificate('other.test', { key, pem: ca }, Date.now());
    const tls = createTlsServer(own, (socket) => socket.end('hello'));
    const { connect } = await proxyWithDoors({});
    const { statusLine, socket } = await connect(await listening(tls));
    expect(statusLine).toMatch(/^HTTP\/1.1 200 /);
    const secure = await secured({ socket, ca, servername: 'other.test' });
    expect(secure.getPeerX509Certificate()?.toString()).toBe(new X509Certificate(own.cert).toString());
    expect(await textOf(secure)).toBe('hello');
  });

  it('may say more right behind its CONNECT', async () => {
    const place = await server((socket) => socket.pipe(socket));
    const { proxy } = await proxyWithDoors({});
    const socket = await plainTo(proxy.port);
    socket.end(`CONNECT ${place} HTTP/1.1\r\nhost: ${place}\r\n\r\nhello`);
    expect(await textOf(socket)).toBe('HTTP/1.1 200 Connection established\r\n\r\nhello');
  });

  it('passes on an end of one direction, and what comes after it in the other', async () => {
    const answer = 'x'.repeat(16_000_000);
    const place = await server((socket) => {
      let question = '';
      socket.on('data', (chunk) => (question += chunk)).on('end', () => socket.end(`${question}${answer}`));
    });
    const { connect } = await proxyWithDoors({});
    const { socket } = await connect(place);
    socket.end('question ');
    expect((await textOf(socket)) === `question ${answer}`).toBe(true);
  });

  it('is cut on one side when it is cut on the other', async () => {
    const sockets: Socket[] = [];
    const place = await server((socket) => sockets.push(socket.on('error', () => {})));
    const { connect } = await proxyWithDoors({});
    const [one, other] = [(await connect(place)).socket, (await connect(place)).socket];
    const cut = [once(one, 'end'), once(sockets[1] as Socket, 'end')]; // rejects on an error
    one.resume();
    sockets[1]?.resume();
    sockets[0]?.resetAndDestroy();
    other.resetAndDestroy();
    for (const result of await Promise.allSettled(cut))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
  });

  it('ends with the proxy', async () => {
    const place = await server(() => {});
    const { connect, close } = await proxyWithDoors({});
    const { socket } = await connect(place);
    const gone = once(socket.on('error', () => {}).resume(), 'close');
    socket.end();
    await close();
    await gone;
  });

  it('that cannot be reached is 502, with the reason', async () => {
    const { connect } = await proxyWithDoors({});
    expect((await connect('127.0.0.1:9')).statusLine).toBe(
      'HTTP/1.1 502 the proxy cannot reach 127.0.0.1:9 (ECONNREFUSED)',
    );
  });

  it('is refused when the config says so, with what to add to it', async () => {
    const place = await server(() => {});
    const { connect } = await proxyWithDoors({ tunnelOthers: false });
    const { statusLine, socket } = await connect(place);
    expect(statusLine).toMatch(
      /^HTTP\/1.1 403 .*add it to registries in agent.yaml, or set proxy.tunnelOthers to true/,
    );
    expect(await textOf(socket)).toContain(statusLine.slice('HTTP/1.1 403 '.length));
  });

  it.each([['host'], ['host:0'], ['host:99999'], [':443'], ['a@b:443'], ['::1:443'], ['host:443/path']])(
    'to %s is 400',
    async (target) => {
      const { connect } = await proxyWithDoors({});
      expect((await connect(target)).statusLine).toMatch(/^HTTP\/1.1 400 /);
    },
  );
});
