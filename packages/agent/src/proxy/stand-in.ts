/**
 * The proxy under the registries' own names: a TLS listener for engines whose hosts file or DNS leads those names here.
 * Only for them is there a certificate; which registry a request is for is decided from its Host (entrance.ts).
 */
import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { AgentError, toPortError } from '../errors.ts';
import type { Authority } from './authority.ts';
import { explainHandshake } from './connect.ts';
import { bareHost, placeOf } from './place.ts';
import { canonical } from './route.ts';

export interface StandInOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
}

export interface StandInParts {
  authority: Authority;
  /** The registries there are. */
  hosts: ReadonlySet<string>;
  /** `name`: the registry's, without a port. */
  onConnection(socket: TLSSocket, name: string): void;
  logger: Logger;
}

export interface StandIn {
  readonly port: number;
  close(): Promise<void>;
}

const HANDSHAKE_MS = 10_000;

/** Throws AgentError PORT_IN_USE, INVALID_OPTIONS (a port for which this account has no right). */
export async function openStandIn(options: StandInOptions, parts: StandInParts): Promise<StandIn> {
  const { authority, hosts, onConnection, logger } = parts;
  const names = new Set([...hosts].map((host) => bareHost(placeOf(host, 443)?.host ?? host)));
  const sockets = new Set<Socket>();
  const server = createServer(
    {
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_MS,
      SNICallback(name, done) {
        // No context: the client reads "handshake failure". The server has no certificate of its own.
        if (!names.has(canonical(name))) return done(null);
        authority.contextFor(name.toLowerCase()).then((context) => done(null, context), done);
      },
    },
    (socket) => onConnection(socket, canonical(nameOf(socket))),
  );
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error, socket) =>
    explainHandshake(error, { authority, registry: nameOf(socket), logger }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, options)));
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** False where the client sent none. */
function nameOf({ servername }: TLSSocket & { servername?: string | false | null }): string {
  return servername || '';
}

function listenError(error: NodeJS.ErrnoException, options: StandInOptions): unknown {
  if (error.code !== 'EACCES') return toPortError(error, options, 'proxy.tls.port');
  const remedy = 'give it CAP_NET_BIND_SERVICE, or set proxy.tls.port above 1023 and lead 443 there';
  return new AgentError('INVALID_OPTIONS', `this account may not listen on ${options.host}:${options.port}; ${remedy}`);
}
