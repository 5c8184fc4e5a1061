/** An agent that lets foreign clients in, and such a client: a socket that says what a test wants it to say. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Block } from '@shoal/swarm';
import {
  createDecoder,
  encodeHandshake,
  encodeMessage,
  encodePieceHeader,
  type WireEvent,
  type WireMessage,
} from '@shoal/wire';
import { onTestFinished } from 'vitest';
import { pieceOf, type TestBlob } from '../store/store.testkit.ts';
import { type Member, type MemberOptions, member, silent, startHost } from '../swarm/host.testkit.ts';
import { until } from '../wait.testkit.ts';
import { openPeerPort, type PeerPort } from './peer-port.ts';

export const INFO_HASH = 'fe'.repeat(20);
export const HERE = '127.0.0.1';
/** Where the two flags stand in the handshake: BEP 10 and BEP 6. */
const EXTENSION_BYTE = 25;
const FAST_BYTE = 27;

export interface Door extends Member {
  /** Where foreign clients come in. */
  door: PeerPort;
}

/** The agent is told of foreign clients on `hosts`, which listen nowhere. */
export async function doorOf(blob: TestBlob, { hosts = [HERE], ...options }: DoorOptions = {}): Promise<Door> {
  const agent = await member(await startHost(), blob, options);
  const { runner, host } = agent;
  runner.setForeign(
    INFO_HASH,
    hosts.map((address) => ({ host: address, port: 0 })),
  );
  const door = await openPeerPort({
    ...{ host: HERE, port: 0, identity: host.identity, version: '1.2.3', logger: silent },
    findHandler: () => undefined,
    findForeign: (infoHash, remote) => (runner.admitsForeign(infoHash, remote) ? runner : undefined),
  });
  onTestFinished(() => door.close());
  return { ...agent, door };
}

export interface DoorOptions extends MemberOptions {
  hosts?: string[];
}

export interface ForeignTwin {
  /** All that was heard since the handshake, in order. */
  events: WireEvent[];
  readonly isClosed: boolean;
  send(...messages: WireMessage[]): void;
  sendBlock(block: Block, bytes: Uint8Array): void;
  /** Waits until so many messages of this type have come, and returns them. */
  heard<T extends WireEvent['type']>(type: T, count?: number): Promise<Extract<WireEvent, { type: T }>[]>;
  closed(): Promise<void>;
}

export interface TwinOptions {
  /** Speaks BEP 6; default: yes. */
  fast?: boolean;
  /** Speaks BEP 10; default: yes. */
  extensions?: boolean;
  /** Answers a request with these bytes; undefined: not at all. */
  onRequest?(block: Block): Uint8Array | undefined;
}

/** A client that dials the agent and is past the handshake, if it is let in. */
export async function clientTo({ door }: Door, options: TwinOptions = {}): Promise<ForeignTwin> {
  const socket = connect({ host: HERE, port: door.port });
  const twin = twinOn(socket, options);
  await until('the handshake', () => twin.isClosed || twin.events.length > 0);
  return twin;
}

/** A client that waits to be dialled. */
export async function listeningClient(options: TwinOptions = {}): Promise<{ port: number; twins: ForeignTwin[] }> {
  const twins: ForeignTwin[] = [];
  const server: Server = createServer((socket) => void twins.push(twinOn(socket, options)));
  await new Promise<void>((resolve) => server.listen(0, HERE, resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, twins };
}

/** Answers with the good bytes. */
export function honest(blob: TestBlob): NonNullable<TwinOptions['onRequest']> {
  return ({ piece, offset, length }) => pieceOf(blob, piece).subarray(offset, offset + length);
}

/** The number of bytes of blocks heard. */
export function blockBytes({ events }: ForeignTwin): number {
  return events.reduce((sum, event) => sum + (event.type === 'blockData' ? event.bytes.length : 0), 0);
}

function twinOn(socket: Socket, options: TwinOptions): ForeignTwin {
  const decoder = createDecoder({ maxBlockBytes: 1 << 20, maxMessageBytes: 1 << 16 });
  let isClosed = false;
  socket.on('error', () => {});
  socket.on('close', () => {
    isClosed = true;
  });
  onTestFinished(() => void socket.destroy());
  const twin: ForeignTwin = {
    events: [],
    get isClosed() {
      return isClosed;
    },
    send: (...messages) => void socket.write(Buffer.concat(messages.map((message) => encodeMessage(message)))),
    sendBlock: (block, bytes) => void socket.write(Buffer.concat([encodePieceHeader(block), bytes])),
    async heard<T extends WireEvent['type']>(type: T, count = 1) {
      const found = () => twin.events.filter((event): event is Extract<WireEvent, { type: T }> => event.type === type);
      await until(`${count} × ${type}`, () => found().length >= count);
      return found();
    },
    closed: () => until('the end', () => isClosed),
  };
  socket.on('data', (chunk) => {
    for (const event of decoder.push(chunk)) {
      twin.events.push(event.type === 'blockData' ? { ...event, bytes: Buffer.from(event.bytes) } : event);
      if (event.type !== 'request') continue;
      const bytes = options.onRequest?.(event);
      if (bytes !== undefined) twin.sendBlock(event, bytes);
    }
  });
  socket.write(handshakeOf(options));
  return twin;
}

function handshakeOf({ fast = true, extensions = true }: TwinOptions): Buffer {
  const handshake = encodeHandshake({
    infoHash: INFO_HASH,
    peerId: Buffer.from('-XX0001-0123456789ab').toString('hex'),
  });
  if (!extensions) handshake[EXTENSION_BYTE] = 0;
  if (!fast) handshake[FAST_BYTE] = 0;
  return handshake;
}
