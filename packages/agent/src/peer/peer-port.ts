/** The agent's peer port: accepts peers and dials them, so many at a time. Counts why connections ended. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Neighbour } from '@shoal/tracker/client';
import { HANDSHAKE_BYTES } from '@shoal/wire';
import type { Logger } from 'pino';
import { toPortError } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { LinkBudget } from './link-budget.ts';
import { type LinkHandler, PeerConnection } from './peer-connection.ts';

export interface PeerPortOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  identity: Identity;
  version: string;
  logger: Logger;
  findHandler(swarmId: string): LinkHandler | undefined;
  findForeign(infoHash: string, remoteHost: string): LinkHandler | undefined;
  /** Connections over all swarms; defaults: 200 and 600. */
  most?: { dialled: number; accepted: number };
}

/** A neighbour; a foreign client has the info hash of its torrent. */
export interface DialTarget extends Pick<Neighbour, 'peerId' | 'host' | 'port'> {
  foreignInfoHash?: string;
}

export interface PeerPort {
  readonly port: number;
  /** Why connections ended, counted. */
  readonly closeReasons: ReadonlyMap<string, number>;
  readonly connectionCount: number;
  /** At once, or when there is room; `onFailed` also when the swarm wants it no more by then. */
  dial(target: DialTarget, handler: LinkHandler, onFailed: () => void): void;
  /** To be called when `findHandler` or `findForeign` find more than before. */
  lookAgain(): void;
  close(): Promise<void>;
}

/** Beyond this a stranger who only connects is refused, not kept. */
const MAX_CONNECTIONS = 4000;
const DIAL_MS = 5000;
/** Over all swarms. One alone dials its 20 or so neighbours and is dialled by about as many, a seeder by more. */
const DEFAULT_MOST = { dialled: 200, accepted: 600 };

export async function openPeerPort(options: PeerPortOptions): Promise<PeerPort> {
  const { identity, version, logger, findHandler, findForeign } = options;
  const connections = new Set<PeerConnection>();
  const closeReasons = new Map<string, number>();
  const { dialled: mostDialled, accepted: mostAccepted } = options.most ?? DEFAULT_MOST;
  const budgets = { out: new LinkBudget(mostDialled), in: new LinkBudget(mostAccepted) };

  const wrap = (
    socket: Socket,
    direction: 'out' | 'in',
    dialled?: { peerId: string; onFailed: () => void; handler: LinkHandler },
  ): PeerConnection => {
    const connection = new PeerConnection({
      socket,
      direction,
      identity,
      version,
      expectedPeerId: dialled?.peerId,
      nowSeconds: () => Date.now() / 1000,
      findHandler,
      findForeign,
      hasRoom: (admitted, handler) => direction === 'out' || budgets.in.admit(handler, admitted),
      onEnd(ended, reason) {
        connections.delete(ended);
        closeReasons.set(reason, (closeReasons.get(reason) ?? 0) + 1);
        logger.debug(
          { event: 'peer closed', direction, remote: socket.remoteAddress, reason },
          'peer connection closed',
        );
        if (ended.peer === undefined) dialled?.onFailed();
        const owner = dialled?.handler ?? ended.handler;
        if (owner !== undefined) budgets[direction].ended(owner, ended);
      },
    });
    connections.add(connection);
    return connection;
  };

  const open = ({ peerId, host, port, foreignInfoHash }: DialTarget, handler: LinkHandler, onFailed: () => void) => {
    let connection: PeerConnection | undefined;
    const onread = {
      // Straight into piece memory. The first buffer is asked for before there is a connection.
      buffer: () => connection?.nextBuffer() ?? Buffer.allocUnsafeSlow(HANDSHAKE_BYTES),
      callback: (bytes: number, buffer: Uint8Array) => {
        connection?.bytesRead(bytes, buffer);
        return true;
      },
    };
    const socket = connect({ host, port, timeout: DIAL_MS, onread });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    const dialled = wrap(socket, 'out', { peerId, onFailed, handler });
    connection = dialled;
    socket.once('connect', () => {
      socket.setTimeout(0);
      if (foreignInfoHash === undefined) dialled.open(handler);
      else dialled.openForeign(handler, foreignInfoHash);
    });
    return dialled;
  };

  const server = await listen(options, (socket) => wrap(socket, 'in'));
  return {
    port: (server.address() as { port: number }).port,
    closeReasons,
    get connectionCount() {
      return connections.size;
    },
    dial(target, handler, onFailed) {
      budgets.out.ask({ owner: handler, open: () => open(target, handler, onFailed), onDropped: onFailed });
    },
    lookAgain() {
      for (const connection of [...connections]) connection.lookAgain();
    },
    close() {
      for (const connection of [...connections]) connection.close('agent stops');
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listen({ host, port }: PeerPortOptions, onSocket: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, onSocket);
    server.maxConnections = MAX_CONNECTIONS;
    server.once('error', (error) => reject(toPortError(error, { host, port }, 'peer.port')));
    server.listen(port, host, () => resolve(server));
  });
}
