import { connect, createServer, type Socket } from 'node:net';
import { encodeHandshake, encodeMessage } from '@shoal/wire';
import { pino } from 'pino';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { until } from '../wait.testkit.ts';
import { newIdentity, SWARM, TRACKER_KEY, ticketFor } from './peer.testkit.ts';
import type { LinkHandler } from './peer-connection.ts';
import { openPeerPort, type PeerPort, type PeerPortOptions } from './peer-port.ts';

const logger = pino({ level: 'silent' });

/** A handler that only keeps a list of who was let in. */
function handlerFor(identity = newIdentity()): LinkHandler & { events: string[] } {
  const events: string[] = [];
  return {
    ...{ swarmId: SWARM, pieceCount: 4, blockBytes: 16_384, events },
    ticket: () => ticketFor(identity),
    trackerKey: () => TRACKER_KEY,
    onOpen: ({ peer }) => void events.push(`open ${peer?.peerId}`),
    onEvent: (_connection, { type }) => void events.push(type),
    blockTarget: () => undefined,
    onBlockBytes: () => {},
    onClosed: () => void events.push('closed'),
  };
}

async function portOf(options: Partial<PeerPortOptions> = {}) {
  const { identity = newIdentity() } = options;
  const handler = handlerFor(identity);
  const findHandler = (swarmId: string) => (swarmId === SWARM ? handler : undefined);
  const peers = await openPeerPort({
    ...{ host: '127.0.0.1', port: 0, identity, logger, findHandler },
    findForeign: () => undefined,
    version: '1',
    ...options,
  });
  onTestFinished(() => peers.close());
  return { peers, identity, handler, neighbour: neighbourOf(identity.peerId, peers.port) };
}

function neighbourOf(peerId: string, port: number) {
  return { peerId, name: 'n', host: '127.0.0.1', port, role: 'agent' as const };
}

/** A raw socket to the port; errors and the end are the port's business. */
async function stranger({ port }: PeerPort): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return socket;
}

function ended(peers: PeerPort, reason: string): Promise<void> {
  return until(reason, () => peers.closeReasons.has(reason));
}

afterEach(() => void vi.useRealTimers());

describe('who connects', () => {
  it('with a good ticket is handed to its swarm, on both sides', async () => {
    const [a, b] = [await portOf(), await portOf()];
    a.peers.dial(b.neighbour, a.handler, () => {});
    await until('both', () => a.handler.events.length + b.handler.events.length === 2);
    expect([a.handler.events, b.handler.events]).toEqual([
      [`open ${b.identity.peerId}`],
      [`open ${a.identity.peerId}`],
    ]);
  });

  it.each([
    ['is no BitTorrent', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'not BitTorrent'],
    ['asks for a swarm that is not here', handshake('cd'.repeat(20)), 'swarm not known here'],
    [
      'speaks before admission',
      Buffer.concat([handshake(), message('interested')]),
      'unexpected message before admission',
    ],
    [
      'claims a length beyond all caps',
      Buffer.concat([handshake(), Buffer.from([255, 255, 255, 255, 20])]),
      'message too long',
    ],
  ])('and %s is closed', async (_title, bytes, reason) => {
    const { peers, handler } = await portOf();
    const socket = await stranger(peers);
    socket.write(bytes);
    await ended(peers, reason);
    expect([peers.connectionCount, handler.events]).toEqual([0, []]);
  });

  it('before its swarm is open is let in when it opens', async () => {
    const [a, b] = [await portOf(), await portOf({ findHandler: () => open })];
    let open: LinkHandler | undefined;
    a.peers.dial(b.neighbour, a.handler, () => {});
    await until('the connection', () => b.peers.connectionCount === 1);
    b.peers.lookAgain(); // another swarm was opened
    open = b.handler;
    b.peers.lookAgain();
    await until('both', () => a.handler.events.length + b.handler.events.length === 2);
    expect(b.peers.closeReasons.size).toBe(0);
  });

  it('and is the agent itself is closed', async () => {
    const self = await portOf();
    const failed = vi.fn();
    self.peers.dial(self.neighbour, self.handler, failed);
    await ended(self.peers, 'connected to itself');
    await until('the dial to fail', () => failed.mock.calls.length === 1);
  });

  it.each([
    ['says nothing', Buffer.alloc(0)],
    ['stops in the middle of its handshake', handshake().subarray(0, 30)],
    ['shows no ticket', handshake()],
    ['only keeps alive', Buffer.concat([handshake(), Buffer.alloc(400)])],
  ])('and %s is closed after ten seconds', async (_title, bytes) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { peers } = await portOf();
    const socket = await stranger(peers);
    if (bytes.length > 0) await new Promise((resolve) => socket.write(bytes, resolve));
    while (peers.connectionCount === 0) await new Promise((resolve) => setImmediate(resolve));
    vi.advanceTimersByTime(9_990);
    expect(peers.connectionCount).toBe(1);
    vi.advanceTimersByTime(20);
    expect([peers.connectionCount, peers.closeReasons.get('admission took too long')]).toEqual([0, 1]);
  });
});

function handshake(infoHash = SWARM): Buffer {
  return encodeHandshake({ infoHash, peerId: newIdentity().peerId });
}

function message(type: 'interested'): Buffer {
  return encodeMessage({ type });
}

describe('a dial', () => {
  it('to nobody fails once, with the system’s word', async () => {
    const { peers, handler } = await portOf();
    const failed = vi.fn();
    peers.dial(neighbourOf(newIdentity().peerId, 1), handler, failed);
    await ended(peers, 'connection: ECONNREFUSED');
    expect(failed).toHaveBeenCalledTimes(1);
  });

  it('to another than expected fails, and the other is told nothing', async () => {
    const [a, b] = [await portOf(), await portOf()];
    const failed = vi.fn();
    a.peers.dial(neighbourOf(newIdentity().peerId, b.peers.port), a.handler, failed);
    await ended(a.peers, 'another peer answered');
    await until('the other side to notice', () => b.peers.connectionCount === 0);
    expect([failed.mock.calls.length, a.handler.events, b.handler.events]).toEqual([1, [], []]);
  });

  it('to one that hangs up fails once', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { peers, handler } = await portOf();
    const failed = vi.fn();
    const { port } = server.address() as { port: number };
    peers.dial(neighbourOf(newIdentity().peerId, port), handler, failed);
    await until('the failure', () => failed.mock.calls.length > 0);
    await until('the end', () => peers.connectionCount === 0);
    expect(failed).toHaveBeenCalledTimes(1);
  });
});

describe('the port', () => {
  it('that is taken is PORT_IN_USE and names the setting', async () => {
    const { peers } = await portOf();
    const second = portOf({ port: peers.port });
    await expect(second).rejects.toMatchObject({ code: 'PORT_IN_USE', message: expect.stringContaining('peer.port') });
  });

  it('closes with every connection, also one in admission or being dialled, and tells the swarm', async () => {
    const [a, b] = [await portOf(), await portOf()];
    a.peers.dial(b.neighbour, a.handler, () => {});
    await until('both', () => a.handler.events.length + b.handler.events.length === 2);
    await stranger(a.peers);
    await until('the stranger', () => a.peers.connectionCount === 2);
    a.peers.dial(b.neighbour, a.handler, () => {});
    await a.peers.close();
    expect([a.peers.connectionCount, a.handler.events.at(-1)]).toEqual([0, 'closed']);
    await until('the other side to notice', () => b.handler.events.at(-1) === 'closed');
  });
});

describe('connections over all swarms', () => {
  it('that are dialled wait for one to end when there are enough', async () => {
    const a = await portOf({ most: { dialled: 1, accepted: 1 } });
    const [b, c] = [await portOf(), await portOf()];
    for (const { neighbour } of [b, c]) a.peers.dial(neighbour, a.handler, () => {});
    await until('the first', () => a.handler.events.length === 1);
    expect([a.peers.connectionCount, c.peers.connectionCount]).toEqual([1, 0]);
    await b.peers.close();
    await until('the second', () => a.handler.events.includes(`open ${c.identity.peerId}`));
  });

  it('that are accepted are closed when there are enough', async () => {
    const a = await portOf({ most: { dialled: 1, accepted: 1 } });
    const [b, c] = [await portOf(), await portOf()];
    b.peers.dial(a.neighbour, b.handler, () => {});
    await until('the first', () => a.handler.events.length === 1);
    c.peers.dial(a.neighbour, c.handler, () => {});
    await ended(a.peers, 'no room for another peer');
    expect(a.handler.events).toEqual([`open ${b.identity.peerId}`]);
  });
});
