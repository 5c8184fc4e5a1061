/** A proxy with its authority, and clients that come through its other doors. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { temporaryFolder, testStore } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { openAuthority } from './authority.ts';
import { pullsKit } from './proxy.testkit.ts';
import { openRegistryProxy, type ProxyOptions } from './registry-proxy.ts';

export interface Answer {
  status: number;
  statusText: string;
  headers: IncomingMessage['headers'];
  text: string;
}

export async function proxyWithDoors(options: Partial<ProxyOptions>) {
  const store = await testStore();
  const proxy = await openRegistryProxy(
    { host: '127.0.0.1', port: 0, registries: [], ...options },
    {
      ...{ store, logger: silent, authority: await openAuthority(temporaryFolder()), nowMs: Date.now },
      ...{ take: async () => {}, onSpoilt() {}, pulls: pullsKit(store, { away: true }).pulls },
    },
  );
  let isClosed = false;
  const close = async () => {
    if (!isClosed) await proxy.close();
    isClosed = true;
  };
  onTestFinished(close);
  const ca = readFileSync(proxy.certFile, 'utf8');
  return {
    ...{ proxy, store, ca, close },
    /** Says CONNECT; the socket behind it when the answer is 200. */
    connect: (target: string) => sayConnect(proxy.port, target),
    /** Speaks TLS with the stand-in. */
    standIn: (servername: string) => secured({ host: '127.0.0.1', port: proxy.tlsPort, servername, ca }),
  };
}

/** A connection on which nothing was said yet. */
export async function plainTo(port: number): Promise<Socket> {
  const socket = connectPlain({ host: '127.0.0.1', port });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function sayConnect(port: number, target: string): Promise<{ statusLine: string; socket: Socket }> {
  const socket = await plainTo(port);
  socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const byte = (socket.read(1) as Buffer | null)?.toString('latin1');
    if (byte !== undefined) head += byte;
    else if (socket.readableEnded) break;
    else await new Promise((resolve) => socket.once('readable', () => resolve(undefined)).once('end', resolve));
  }
  return { statusLine: head.slice(0, head.indexOf('\r\n')), socket };
}

export function secured(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(options, () => resolve(socket));
    onTestFinished(() => void socket.destroy());
    socket.once('error', reject);
  });
}

/** One request on a connection that is there. */
export function askOn(
  socket: Socket,
  path: string,
  { headers = {}, method = 'GET' }: { headers?: Record<string, string>; method?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ createConnection: () => socket, path, headers, method }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const { statusCode: status = 0, statusMessage: statusText = '' } = answer;
        resolve({ status, statusText, headers: answer.headers, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
