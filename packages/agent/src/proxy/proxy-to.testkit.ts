/** The proxy in front of an HTTP server that plays a registry, with a store and a test as its swarm. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import { blobOf, temporaryFolder, testStore } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { openAuthority } from './authority.ts';
import { fakeRegistry, type Handler, type PulledKit, pullsKit, serveRange } from './proxy.testkit.ts';
import { openRegistryProxy, type ProxyOptions } from './registry-proxy.ts';

export const BLOB = blobOf(300_000);
export const PATH = `/v2/team/app/blobs/${BLOB.digest}`;
export const ALICE = { authorization: 'Bearer alice' };

export const serveBlob: Handler = (request, response) => serveRange(request, response, BLOB.bytes);
/** Lets only Alice in. */
export const guarded: Handler = (request, response) => {
  if (request.headers.authorization === ALICE.authorization) return serveBlob(request, response);
  response.writeHead(401, { 'www-authenticate': 'Bearer realm="https://harbor.test/service/token"' });
  response.end('{"errors":[{"code":"UNAUTHORIZED"}]}');
};

export async function proxyTo(handler: Handler, changes: Partial<ProxyOptions> = {}, pulled: Partial<PulledKit> = {}) {
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
  /** Asks, and goes away when told. */
  const leave = (path: string) => {
    const sent = httpRequest({ host: '127.0.0.1', port: proxy.port, path }).on('error', () => {});
    sent.end();
    return () => void sent.destroy();
  };
  return { leave, registry, store, clock, taken, swarms, spoilt, ask, proxy, sentBytes: proxy.sentBytes };
}
