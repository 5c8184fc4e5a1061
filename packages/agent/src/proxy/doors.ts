/**
 * The proxy's doors besides the plain one, for engines that ask for the registry by its own name: CONNECT on the same
 * port, and the stand-in's TLS listener. What is said behind them goes to the proxy's one HTTP server.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Authority } from './authority.ts';
import { createConnectDoor } from './connect.ts';
import { type Door, type Entrance, entranceOf } from './entrance.ts';
import type { ProxyFault } from './faults.ts';
import { openStandIn, type StandInOptions } from './stand-in.ts';

export interface DoorsOptions {
  tunnelOthers?: boolean | undefined;
  tls?: StandInOptions | undefined;
}

export interface DoorsParts {
  server: Server;
  authority: Authority;
  /** The registries there are. */
  hosts: ReadonlySet<string>;
  logger: Logger;
}

export interface Doors {
  /** Of the stand-in, if there is one. */
  readonly tlsPort: number | undefined;
  entranceOf(request: IncomingMessage): Entrance | ProxyFault;
  close(): Promise<void>;
}

/** Throws AgentError PORT_IN_USE, INVALID_OPTIONS. */
export async function openDoors({ tunnelOthers = true, tls }: DoorsOptions, parts: DoorsParts): Promise<Doors> {
  const { server, authority, hosts, logger } = parts;
  /** Of connections that we have decrypted. */
  const doors = new WeakMap<Socket, Door>();
  const serve = (socket: Socket, door: Door): void => {
    doors.set(socket, door);
    server.emit('connection', socket);
  };
  const onRegistry = (socket: Socket, registry: string) => serve(socket, { kind: 'connect', registry });
  const connect = createConnectDoor({ authority, hosts, tunnelOthers, onRegistry, logger });
  server.on('connect', (request, duplex, head) => {
    const client = duplex as Socket;
    connect.accept(request, client, { head, isInside: doors.has(client) }).catch((error: unknown) => {
      logger.warn({ event: 'connect failed', err: error }, 'a CONNECT was not served');
      client.destroy();
    });
  });
  const onConnection = (socket: Socket, name: string) => serve(socket, { kind: 'stand-in', name });
  const standIn = tls && (await openStandIn(tls, { authority, hosts, onConnection, logger }));
  return {
    tlsPort: standIn?.port,
    entranceOf: (request) => entranceOf(request, doors.get(request.socket), hosts),
    async close() {
      connect.close();
      await standIn?.close();
    },
  };
}
