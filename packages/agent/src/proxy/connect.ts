/**
 * CONNECT, as an engine with HTTPS_PROXY sends it: a registry's connection is decrypted here, anybody else's is passed
 * through untouched or refused. Go shows of a refusal only what stands in the status line, so the words stand there.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Authority } from './authority.ts';
import { bareHost, type Place, placeOf, registryAt } from './place.ts';
import { HUB } from './route.ts';
import { createTunnels, type TunnelOptions } from './tunnel.ts';

export interface ConnectParts {
  authority: Authority;
  /** The registries there are. */
  hosts: ReadonlySet<string>;
  /** Whether others than registries are reached through us. */
  tunnelOthers: boolean;
  tunnels?: TunnelOptions | undefined;
  /** Serves what is said on it. */
  onRegistry(socket: TLSSocket, registry: string): void;
  logger: Logger;
}

export interface ConnectDoor {
  /** `isInside`: it came through a connection that we have decrypted. */
  accept(request: IncomingMessage, client: Socket, options: { head: Buffer; isInside: boolean }): Promise<void>;
  close(): void;
}

const OK = 'HTTP/1.1 200 Connection established\r\n\r\n';

export function createConnectDoor(parts: ConnectParts): ConnectDoor {
  const { authority, hosts, tunnelOthers, onRegistry, logger } = parts;
  const tunnels = createTunnels(parts.tunnels);
  const clients = new Set<Socket>();

  const decrypt = async (client: Socket, registry: string, host: string): Promise<void> => {
    const secureContext = await authority.contextFor(bareHost(host));
    if (client.destroyed) return;
    client.write(OK);
    const secure = new TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] });
    secure.on('error', (error) => explainHandshake(error, { authority, registry, logger }));
    onRegistry(secure, registry);
  };

  const tunnel = async (client: Socket, place: Place): Promise<void> => {
    const join = await tunnels.reach(place).catch((error: Error & { code?: string }) => {
      refuse(client, 502, `the proxy cannot reach ${place.host}:${place.port} (${error.code ?? error.message})`);
    });
    if (join === undefined) return;
    client.write(OK);
    join(client);
  };

  return {
    async accept(request, client, { head, isInside }) {
      clients.add(client);
      client.once('close', () => clients.delete(client));
      client.on('error', () => client.destroy());
      if (head.length > 0) client.unshift(head);
      const place = isInside ? undefined : placeOf(request.url ?? '');
      if (place === undefined) return refuse(client, 400, 'CONNECT wants host:port');
      const registry = registryAt(place, hosts, 443);
      // For Docker Hub engines take no authority from certs.d: it is reached through its mirror.
      if (registry !== undefined && registry !== HUB) return decrypt(client, registry, place.host);
      if (tunnelOthers || registry === HUB) return tunnel(client, place);
      const remedy = 'add it to registries in agent.yaml, or set proxy.tunnelOthers to true there';
      refuse(client, 403, `${place.host}:${place.port} is no registry of this proxy: ${remedy}`);
    },
    close() {
      tunnels.close();
      for (const client of clients) client.destroy();
    },
  };
}

function refuse(client: Socket, status: number, why: string): void {
  const head = `HTTP/1.1 ${status} ${why}\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n`;
  client.end(`${head}${why}\n`, () => client.destroy());
}

interface Handshake {
  authority: Authority;
  registry: string;
  logger: Logger;
}

/** What operators meet first: the engine does not know our authority yet, and its own message does not name the file. */
export function explainHandshake(error: Error & { code?: string }, { authority, registry, logger }: Handshake): void {
  if (!/CERT|UNKNOWN_CA/.test(error.code ?? '')) return;
  logger.warn(
    { event: 'proxy not trusted', code: error.code, registry, certFile: authority.certFile },
    'an engine does not trust the authority of this proxy; put certFile into its certs.d/<registry>/ca.crt',
  );
}
