import type { WireMessage } from '@shoal/wire';
import { describe, expect, it } from 'vitest';
import { ticketFor } from '../peer/peer.testkit.ts';
import type { PeerConnection } from '../peer/peer-connection.ts';
import { blobOf, PIECE, type TestBlob } from '../store/store.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import { bytesFrom, expectWhole, member, startHost, type TestHost } from './host.testkit.ts';

const MIB = 1024 * 1024;

describe('a blob goes over a real connection', () => {
  it.each([
    ['one byte', 1],
    ['a block less one byte', 16 * 1024 - 1],
    ['exactly one piece', PIECE],
    ['a multiple of the piece length', 4 * PIECE],
    ['a piece and a byte', PIECE + 1],
    ['some MiB and an odd rest', 4 * MIB + 12_345],
  ])('of %s, byte for byte, and nothing twice', async (_title, size) => {
    const blob = blobOf(size);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    sink.runner.want([source.host.neighbour]);
    await expectWhole(sink, blob);
    expect(bytesFrom(sink, source.host)).toBe(size);
    expect(source.host.context.uploads.sentBytes).toBe(size);
    expect(sink.runner.wastedBytes).toBe(0);
  });

  it('in large blocks both sides agreed on', async () => {
    const blob = blobOf(4 * MIB, { pieceLength: MIB });
    const source = await member(await startHost({ blockBytes: 256 * 1024 }), blob, { holds: 'all' });
    const sink = await member(await startHost({ blockBytes: 256 * 1024 }), blob);
    sink.runner.want([source.host.neighbour]);
    await expectWhole(sink, blob);
  });

  it('as its hashes become known, piece by piece', async () => {
    const blob = blobOf(4 * PIECE);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob, { hashless: true });
    sink.runner.want([source.host.neighbour]);
    await until('a connection', () => sink.runner.connectionCount === 1);
    for (let piece = 0; piece < blob.pieces; piece++) {
      sink.runner.addHashes(piece, blob.hashes.subarray(piece * 32, piece * 32 + 32));
      await until('the piece', () => sink.runner.blob.held.count === piece + 1);
    }
    await expectWhole(sink, blob);
  });

  it('and two who lack different halves complete each other', async () => {
    const blob = blobOf(16 * PIECE);
    const even = await member(await startHost(), blob, { holds: [0, 2, 4, 6, 8, 10, 12, 14] });
    const odd = await member(await startHost(), blob, { holds: [1, 3, 5, 7, 9, 11, 13, 15] });
    even.runner.want([odd.host.neighbour]);
    odd.runner.want([even.host.neighbour]);
    await Promise.all([expectWhole(even, blob), expectWhole(odd, blob)]);
    expect([bytesFrom(even, odd.host), bytesFrom(odd, even.host)]).toEqual([8 * PIECE, 8 * PIECE]);
  });

  it('through a chain: the last one never meets the source', async () => {
    const blob = blobOf(2 * MIB);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const middle = await member(await startHost(), blob);
    const last = await member(await startHost(), blob);
    last.runner.want([middle.host.neighbour]);
    middle.runner.want([source.host.neighbour]);
    await Promise.all([expectWhole(middle, blob), expectWhole(last, blob)]);
    expect(source.host.context.uploads.sentBytes).toBe(blob.size);
  });

  it('at the rate of the upload cap, whoever asks', async () => {
    const blob = blobOf(MIB);
    const source = await member(await startHost({ uploadBytesPerSecond: 2 * MIB }), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    const startedAt = performance.now();
    sink.runner.want([source.host.neighbour]);
    await expectWhole(sink, blob);
    expect(performance.now() - startedAt).toBeGreaterThan(430);
  });

  it('from a seeder whose ticket says only that it holds the blob, as fast as from any other', async () => {
    const blob = blobOf(64 * PIECE);
    const seeder = await member(await startHost(), blob, { holds: 'all', role: 'seeder', ticketRole: 'holder' });
    const sink = await member(await startHost(), blob);
    const startedAt = performance.now();
    sink.runner.want([{ ...seeder.host.neighbour, role: 'seeder' }]);
    await expectWhole(sink, blob);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});

describe('an empty blob', () => {
  it('is complete from the start and dials nobody', async () => {
    const blob = blobOf(0);
    const sink = await member(await startHost(), blob);
    const source = await member(await startHost(), blob);
    expect(sink.runner.blob.complete).toBe(true);
    sink.runner.want([source.host.neighbour]);
    expect(sink.host.peers.connectionCount).toBe(0);
  });
});

describe('who may not', () => {
  it('a holder is admitted and may not receive', async () => {
    const blob = blobOf(4 * PIECE);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const holder = await member(await startHost(), blob, { ticketRole: 'holder' });
    holder.runner.want([source.host.neighbour]);
    await until('the refusal', () => source.host.peers.closeReasons.has('holder may not receive'));
    expect([source.host.context.uploads.sentBytes, holder.runner.blob.held.count]).toEqual([0, 0]);
  });

  it('a holder may serve', async () => {
    const blob = blobOf(4 * PIECE);
    const holder = await member(await startHost(), blob, { holds: 'all', ticketRole: 'holder' });
    const sink = await member(await startHost(), blob);
    sink.runner.want([holder.host.neighbour]);
    await expectWhole(sink, blob);
  });

  it('an agent without a good ticket gets no byte, until its ticket is renewed', async () => {
    const blob = blobOf(4 * PIECE);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const host = await startHost();
    const late = await member(host, blob, { ticket: ticketFor(host.identity, { expiresAtSeconds: 1 }) });
    late.runner.want([source.host.neighbour]);
    await until('the refusal', () => source.host.peers.closeReasons.has('ticket: expired'));
    expect(source.host.context.uploads.sentBytes).toBe(0);
    late.runner.setTicket(ticketFor(host.identity));
    await expectWhole(late, blob);
  });

  it('an agent that dials itself is refused', async () => {
    const sink = await member(await startHost(), blobOf(PIECE));
    sink.runner.want([sink.host.neighbour]);
    await until('the refusal', () => sink.host.peers.closeReasons.has('connected to itself'));
  });

  const asks: [string, WireMessage, string][] = [
    ['a block beyond the end of a piece', request(1, 0, 100), 'request out of range'],
    ['a piece there is none of', request(9, 0, 100), 'piece out of range'],
    ['more than the agreed block', request(0, 0, 32 * 1024), 'request longer than agreed'],
    ['a bitfield of another blob', { type: 'bitfield', bits: Buffer.from([0xff, 0xff]) }, 'bad bitfield'],
  ];
  it.each(asks)('who asks for %s is closed', async (_title, message, reason) => {
    const { source, connection } = await askedBy(blobOf(PIECE + 1));
    connection.send(message);
    await until('the end', () => source.host.peers.closeReasons.has(reason));
    expect(source.host.context.uploads.sentBytes).toBe(0);
  });

  it('who asks for a piece that is not there is told so', async () => {
    const { connection, events } = await askedBy(blobOf(2 * PIECE), [1]);
    connection.send(request(0, 0, 100));
    await until('the answer', () => events.some(({ type }) => type === 'reject'));
  });
});

function request(piece: number, offset: number, length: number): WireMessage {
  return { type: 'request', piece, offset, length };
}

/** A source, and an admitted peer that speaks to it by hand. */
async function askedBy(blob: TestBlob, holds: Iterable<number> | 'all' = 'all') {
  const source = await member(await startHost(), blob, { holds });
  const host = await startHost();
  const { runner } = await member(host, blob);
  const events: { type: string }[] = [];
  const opened = createGate();
  let connection: PeerConnection | undefined;
  runner.onOpen = (open) => {
    connection = open;
    opened.open();
  };
  runner.onEvent = (_open, event) => void events.push(event);
  host.peers.dial(source.host.neighbour, runner, () => {});
  await opened.opened;
  return { source, events, connection: connection as PeerConnection };
}

describe('a swarm that is stopped', () => {
  it('in the middle closes its connections, both ways, and asks for no more', async () => {
    const blob = blobOf(8 * MIB);
    const source = await member(await startHost({ uploadBytesPerSecond: 2 * MIB }), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    sink.runner.want([source.host.neighbour]);
    await until('bytes under way', () => sink.runner.blob.held.count > 2);
    sink.runner.stop('test');
    await until('both to be alone', () => sink.host.peers.connectionCount + source.host.peers.connectionCount === 0);
    const held = sink.runner.blob.held.count;
    sink.runner.addNeighbours([source.host.neighbour]);
    await sink.runner.blob.close();
    expect(sink.runner.blob.held.count).toBeLessThanOrEqual(held + 2);
    expect(sink.host.peers.connectionCount).toBe(0);
  });

  it('takes no connection that was being admitted', async () => {
    const blob = blobOf(PIECE);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    sink.runner.want([source.host.neighbour]);
    source.runner.stop('retracted');
    await until('the refusal', () => source.host.peers.closeReasons.size > 0);
    expect([source.runner.connectionCount, sink.runner.blob.held.count]).toEqual([0, 0]);
  });
});

it('memory of pieces is recycled: what is taken is given back', async () => {
  const blob = blobOf(64 * PIECE);
  const sink = await startHost();
  const taken = new Set<SharedArrayBuffer>();
  const out = new Set<SharedArrayBuffer>();
  const pool = sink.context.memory;
  const counted: TestHost['context'] = {
    ...sink.context,
    memory: {
      trim: () => pool.trim(),
      take(length) {
        const memory = pool.take(length);
        expect(out.has(memory)).toBe(false);
        taken.add(memory);
        out.add(memory);
        return memory;
      },
      give(memory) {
        expect(out.delete(memory)).toBe(true);
        pool.give(memory);
      },
    },
  };
  const sources = [
    await member(await startHost(), blob, { holds: 'all' }),
    await member(await startHost(), blob, { holds: 'all' }),
  ];
  const { runner, completed } = await member({ ...sink, context: counted }, blob);
  runner.want(sources.map(({ host }) => host.neighbour));
  await completed;
  await until('all memory to be back', () => out.size === 0);
  expect(taken.size).toBeLessThan(blob.pieces);
});
