import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newIdentity } from '../peer/peer.testkit.ts';
import type { PeerConnection } from '../peer/peer-connection.ts';
import { blobOf, contentOf, ioError, PIECE, type TestBlob, workersWith } from '../store/store.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import {
  bytesFrom,
  expectWhole,
  frameOf,
  type Member,
  member,
  sendFrame,
  serve,
  startHost,
  twinPeer,
} from './host.testkit.ts';

const MIB = 1024 * 1024;

describe('wrong bytes', () => {
  it('from a disk that rotted are refused, and the blob is finished from another peer', async () => {
    const blob = blobOf(32 * PIECE);
    const rotten = await member(await startHost(), blob, { holds: 'all' });
    const path = rotten.runner.blob.path;
    writeFileSync(path, readFileSync(path).fill(0xee, 5 * PIECE, 27 * PIECE));
    const good = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    sink.runner.want([rotten.host.neighbour]);
    await until('the first bad piece', () => sink.host.peers.closeReasons.has('bad piece'));
    expect(sink.runner.blob.complete).toBe(false);
    sink.runner.addNeighbours([good.host.neighbour]);
    await expectWhole(sink, blob);
  });

  it('again and again block their author, and no other neighbour that is named changes that', async () => {
    const blob = blobOf(64 * 16 * 1024, { pieceLength: 16 * 1024 });
    const { sink } = await blockedLiar(blob);
    const { closeReasons } = sink.host.peers;
    const before = [closeReasons.get('bad piece'), closeReasons.get('blocked')];
    const good = await member(await startHost(), blob, { holds: 'all' });
    sink.runner.addNeighbours([good.host.neighbour]);
    await expectWhole(sink, blob);
    expect([closeReasons.get('bad piece'), closeReasons.get('blocked')]).toEqual(before);
  });

  it('are never on disk, not for a moment', async () => {
    const blob = blobOf(PIECE);
    const liar = await twinPeer({
      pieces: 1,
      onRequest: (connection, block) => sendFrame(connection, frameOf(blob, block, Buffer.alloc(PIECE, 1))),
    });
    const sink = await member(await startHost(), blob);
    sink.runner.want([liar.neighbour]);
    await until('the refusal', () => (sink.host.peers.closeReasons.get('bad piece') ?? 0) > 0);
    expect(readFileSync(sink.runner.blob.path).equals(Buffer.alloc(PIECE))).toBe(true);
  });

  it('that nobody asked for close the connection and are not taken', async () => {
    const blob = blobOf(4 * PIECE);
    const unasked = { piece: 3, offset: 0, length: 100 };
    const pushy = await twinPeer({
      pieces: 4,
      onOpen: (connection) => sendFrame(connection, frameOf(blob, unasked)),
    });
    const sink = await member(await startHost(), blob);
    sink.runner.want([pushy.neighbour]);
    await until('the end', () => sink.host.peers.closeReasons.has('unrequested block'));
    expect(sink.runner.receivedFrom.size).toBe(0);
  });
});

/** A peer that told one lie a connection until it was blocked. */
async function blockedLiar(blob: TestBlob) {
  const answered = new Set<PeerConnection>();
  const liar = await twinPeer({
    pieces: blob.pieces,
    onRequest(connection, block) {
      if (answered.has(connection)) return;
      answered.add(connection);
      sendFrame(connection, frameOf(blob, block, Buffer.alloc(blob.pieceLength, 1)));
    },
  });
  const sink = await member(await startHost(), blob);
  sink.runner.want([liar.neighbour]);
  await until('the block', () => sink.host.peers.closeReasons.has('blocked'));
  return { liar, sink };
}

it('what a peer says in the middle of a block it sends in parts comes behind the block', async () => {
  const blob = blobOf(2 * PIECE);
  const talker = await twinPeer({
    pieces: blob.pieces,
    onRequest(connection, block) {
      const frame = frameOf(blob, block);
      connection.sendPart(frame.subarray(0, 1000), false, () => {});
      connection.send({ type: 'have', piece: block.piece });
      connection.sendPart(frame.subarray(1000), true, () => {});
    },
  });
  const sink = await member(await startHost(), blob);
  sink.runner.want([talker.neighbour]);
  await expectWhole(sink, blob);
});

describe('a peer that dies', () => {
  it('in the middle of a block costs only that block: the rest comes from another', async () => {
    const blob = blobOf(16 * PIECE);
    let served = 0;
    const dying = await twinPeer({
      pieces: blob.pieces,
      onRequest(connection, block) {
        const whole = frameOf(blob, block);
        if (served++ < 5) return sendFrame(connection, whole);
        sendFrame(connection, whole.subarray(0, 5000), () => connection.close('killed'));
      },
    });
    const good = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    sink.runner.want([dying.neighbour]);
    await until('the death', () => served > 5 && sink.runner.connectionCount === 0);
    sink.runner.addNeighbours([good.host.neighbour]);
    await expectWhole(sink, blob);
  });

  it('while it is being sent to leaves the others served', async () => {
    const blob = blobOf(8 * MIB);
    const source = await member(await startHost(), blob, { holds: 'all' });
    const [victim, other] = [await member(await startHost(), blob), await member(await startHost(), blob)];
    victim.runner.want([source.host.neighbour]);
    await until('bytes under way', () => victim.runner.blob.held.count > 2);
    await victim.host.peers.close();
    victim.runner.stop('killed');
    other.runner.want([source.host.neighbour]);
    await expectWhole(other, blob);
    await until('the source to notice', () => source.runner.connectionCount === 0);
  });

  it('and comes back is dialled again', async () => {
    const blob = blobOf(4 * PIECE);
    let admitted = 0;
    const flaky = await twinPeer({
      pieces: 4,
      onOpen(connection) {
        if (admitted++ === 0) return connection.close('restart');
        connection.send({ type: 'haveAll' });
      },
      onRequest: serve(blob),
    });
    const sink = await member(await startHost(), blob);
    sink.runner.want([flaky.neighbour]);
    await expectWhole(sink, blob);
    expect(admitted).toBe(2);
  });

  it('before it answers a dial is tried again, and nothing crashes', async () => {
    const blob = blobOf(PIECE);
    const good = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    const nobody = { ...good.host.neighbour, peerId: newIdentity().peerId, port: 1 };
    sink.runner.want([nobody]);
    await until('the refused dial', () => sink.host.peers.closeReasons.has('connection: ECONNREFUSED'));
    sink.runner.addNeighbours([good.host.neighbour]);
    await expectWhole(sink, blob);
  });
});

it('a neighbour that did not answer is not dialled again because others are named', async () => {
  const sink = await member(await startHost(), blobOf(PIECE));
  const dead = () => ({
    peerId: newIdentity().peerId,
    name: 'dead',
    host: '127.0.0.1',
    port: 1,
    role: 'agent' as const,
  });
  const refused = () => sink.host.peers.closeReasons.get('connection: ECONNREFUSED') ?? 0;
  sink.runner.want([]);
  for (let count = 1; count <= 8; count++) {
    sink.runner.addNeighbours([dead()]);
    await until('the refused dial', () => refused() >= count && sink.host.peers.connectionCount === 0);
  }
  expect(refused()).toBeLessThan(16); // each once, and what its back-off brought; else 36
});

it('a slow peer’s late bytes do not reach a piece that another has finished', async () => {
  const blob = blobOf(4 * 16 * 1024);
  const gate = createGate();
  const workers = workersWith((task) => (task.kind === 'store' ? gate.opened : undefined));
  let late: (() => void) | undefined;
  const slow = await twinPeer({
    pieces: 1,
    onRequest(connection, block) {
      const whole = frameOf(blob, block);
      if (block.offset < 3 * 16 * 1024) return sendFrame(connection, whole);
      sendFrame(connection, whole.subarray(0, 5000));
      late = () => sendFrame(connection, Buffer.alloc(whole.length - 5000, 1));
    },
  });
  const sink = await member(await startHost({ workers }), blob);
  sink.runner.want([slow.neighbour]);
  await until('half of the last block', () => late !== undefined && bytesOf(sink) > 3 * 16 * 1024);
  const good = await member(await startHost(), blob, { holds: 'all' });
  sink.runner.addNeighbours([good.host.neighbour]);
  await until('the block from the other', () => bytesFrom(sink, good.host) === 16 * 1024);
  late?.();
  await until('the late bytes', () => sink.runner.wastedBytes > 0);
  gate.open();
  await expectWhole(sink, blob);
  expect(bytesFrom(sink, good.host)).toBe(16 * 1024); // else the piece was bad and came again
});

function bytesOf({ runner }: Member): number {
  return [...runner.receivedFrom.values()].reduce((sum, bytes) => sum + bytes, 0);
}

describe('a disk that fails', () => {
  it('is told once, blames nobody, asks for no more; and goes on when wanted again', async () => {
    const blob = blobOf(8 * PIECE);
    let broken = true;
    const workers = workersWith((task) => {
      if (broken && task.position === 3 * PIECE) throw ioError('ENOSPC');
    });
    const source = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost({ workers }), blob);
    sink.runner.want([source.host.neighbour]);
    await expect(sink.completed).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(sink.host.peers.closeReasons.has('bad piece')).toBe(false);
    broken = false;
    sink.runner.want([source.host.neighbour]);
    await until('the whole blob', () => sink.runner.blob.complete);
    expect((await contentOf(sink.runner.blob)).equals(blob.bytes)).toBe(true);
  });

  it('on the side that serves: the block is rejected and comes from another', async () => {
    const blob = blobOf(4 * PIECE);
    const broken = await member(await startHost(), blob, { holds: 'all' });
    await broken.runner.blob.close();
    const good = await member(await startHost(), blob, { holds: 'all' });
    const sink = await member(await startHost(), blob);
    sink.runner.want([broken.host.neighbour]);
    await until('a connection', () => sink.runner.connectionCount === 1);
    sink.runner.addNeighbours([good.host.neighbour]);
    await expectWhole(sink, blob);
    expect(bytesFrom(sink, broken.host)).toBe(0);
  });
});
