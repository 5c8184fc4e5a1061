import type { Block } from '@shoal/swarm';
import { PIECE_HEADER_BYTES, type WireMessage } from '@shoal/wire';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bandwidthOf } from '../bandwidth/bandwidth.testkit.ts';
import { ownRules } from '../bandwidth/bandwidth.ts';
import { createGate } from '../wait.testkit.ts';
import type { PeerConnection } from './peer-connection.ts';
import { type BlockReader, UploadScheduler } from './upload-scheduler.ts';

const BLOCK = 16 * 1024;

/** A connection that takes everything at once, or nothing more while `full`. */
interface TwinConnection {
  sent: Block[];
  /** Length of each write. */
  frames: number[];
  said: WireMessage[];
  closed: string[];
  full: boolean;
  ended: boolean;
  drain(): void;
}

function twinConnection(): TwinConnection & PeerConnection {
  const drains: (() => void)[] = [];
  let run: Buffer = Buffer.alloc(0);
  const twin = {
    peerClass: 'prewarm',
    sent: [] as Block[],
    frames: [] as number[],
    said: [] as WireMessage[],
    closed: [] as string[],
    full: false,
    ended: false,
    get canSendBlock() {
      return !twin.full && !twin.ended;
    },
    onceDrained: (then: () => void) => void drains.push(then),
    sendPart: (part: Buffer, isLast: boolean, done: () => void) => {
      if (!twin.ended) {
        twin.frames.push(part.length);
        run = Buffer.concat([run, part]);
        if (isLast) twin.sent.push(...blocksIn(run));
        if (isLast) run = Buffer.alloc(0);
      }
      done();
      return !twin.ended;
    },
    send: (...messages: WireMessage[]) => void twin.said.push(...messages),
    close: (reason: string) => void twin.closed.push(reason),
    drain: () => {
      twin.full = false;
      for (const then of drains.splice(0)) then();
    },
  };
  return twin as unknown as TwinConnection & PeerConnection;
}

/** As the receiver reads them: a header in front of each. */
function blocksIn(run: Buffer): Block[] {
  const found: Block[] = [];
  for (let at = 0; at < run.length; ) {
    const length = run.readUInt32BE(at) - 9;
    found.push({ piece: run.readUInt32BE(at + 5), offset: run.readUInt32BE(at + 9), length });
    at += PIECE_HEADER_BYTES + length;
  }
  return found;
}

const reader: BlockReader = { readRun: async () => {} };

/** Every other block of a piece, so that none follows another. */
function blocks(count: number, piece = 0): Block[] {
  return Array.from({ length: count }, (_, index) => ({ piece, offset: 2 * index * BLOCK, length: BLOCK }));
}

function schedule(bytesPerSecond: number): UploadScheduler {
  return new UploadScheduler(bandwidthOf({ up: bytesPerSecond }), () => performance.now());
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('under a cap', () => {
  it('it holds, and peers that come back when they were turned away share it evenly', async () => {
    const scheduler = schedule(100 * BLOCK);
    const peers = Array.from({ length: 5 }, () => ({ connection: twinConnection(), piece: 0 }));
    for (let now = 0; now < 4000; now += 20) {
      peers.push(peers.shift() as (typeof peers)[number]); // none of them is always first
      for (const peer of peers) {
        const { connection } = peer;
        // Each wants one more block, always of a new piece, as soon as it has the one before.
        if (connection.sent.length + connection.said.length < peer.piece) continue;
        scheduler.add(connection, { piece: peer.piece++, offset: 0, length: BLOCK }, reader);
      }
      await vi.advanceTimersByTimeAsync(20);
    }
    const sent = peers.map(({ connection }) => connection.sent.length);
    expect(Math.max(...sent) / Math.min(...sent)).toBeLessThan(1.2);
    expect(scheduler.sentBytes).toBeGreaterThan(380 * BLOCK);
    expect(scheduler.sentBytes).toBeLessThanOrEqual(403 * BLOCK);
  });

  it('no more than two pieces wait: the next asker is told so, and may ask elsewhere', async () => {
    const scheduler = schedule(BLOCK);
    const peers = Array.from({ length: 4 }, twinConnection);
    for (const [piece, peer] of peers.entries())
      scheduler.add(peer, { ...{ type: 'serve' }, piece, offset: 0, length: BLOCK }, reader);
    await vi.advanceTimersByTimeAsync(1);
    expect(peers.map(({ said }) => said.map(({ type }) => type))).toEqual([[], [], ['reject'], []]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(peers.map(({ said }) => said.map(({ type }) => type))).toEqual([[], [], ['reject'], ['reject']]);
  });

  it('twelve peers that come back whenever they are turned away do not fill it with refusals', async () => {
    const cap = 250_000;
    const scheduler = schedule(cap);
    const peers = Array.from({ length: 12 }, () => ({ connection: twinConnection(), asked: 0, piece: 0 }));
    const pipeline = 7;
    for (let now = 0; now < 10_000; now += 20) {
      for (const peer of peers) {
        const { sent, said } = peer.connection;
        if (sent.length + said.length < peer.asked) continue;
        peer.piece++;
        peer.asked += pipeline;
        for (const block of blocks(pipeline, peer.piece)) scheduler.add(peer.connection, block, reader);
      }
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(scheduler.sentBytes).toBeGreaterThan(0.85 * 10 * cap);
  });

  it('of one block in two seconds a block still leaves, in parts', async () => {
    const scheduler = schedule(BLOCK / 2);
    const peer = twinConnection();
    for (const block of blocks(3)) scheduler.add(peer, block, reader);
    await vi.advanceTimersByTimeAsync(4500);
    expect(peer.sent).toHaveLength(2);
    expect(Math.max(...peer.frames)).toBeLessThan(1500);
  });

  it('no two blocks are begun at a time, whoever asked for them', async () => {
    const scheduler = schedule(BLOCK);
    const peers = [twinConnection(), twinConnection()];
    const begun: number[] = [];
    const noting: BlockReader = { readRun: async ([block]) => void begun.push(block?.piece ?? -1) };
    for (const [piece, peer] of peers.entries()) scheduler.add(peer, { piece, offset: 0, length: BLOCK }, noting);
    await vi.advanceTimersByTimeAsync(900);
    expect(begun).toEqual([0]);
    await vi.advanceTimersByTimeAsync(200);
    expect(begun).toEqual([0, 1]);
  });

  it('that falls to zero in the middle of a block ends the connection, which could say nothing else', async () => {
    const bandwidth = bandwidthOf({ up: BLOCK });
    const scheduler = new UploadScheduler(bandwidth, () => performance.now());
    const peer = twinConnection();
    scheduler.add(peer, { piece: 0, offset: 0, length: BLOCK }, reader);
    await vi.advanceTimersByTimeAsync(500);
    bandwidth.setRules(ownRules({ uploadBytesPerSecond: 0, downloadBytesPerSecond: Number.POSITIVE_INFINITY }));
    await vi.advanceTimersByTimeAsync(4000);
    expect(peer.closed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1500);
    expect(peer.closed[0]).toBe('held back in the middle of a block');
    scheduler.stop();
  });

  it('of zero nothing leaves', async () => {
    const scheduler = schedule(0);
    const peer = twinConnection();
    scheduler.add(peer, blocks(1)[0]!, reader);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(peer.sent).toEqual([]);
  });
});

describe('a request', () => {
  it('that was cancelled is not served', async () => {
    const scheduler = schedule(100 * BLOCK);
    const peer = twinConnection();
    for (const block of blocks(4)) scheduler.add(peer, block, reader);
    scheduler.cancel(peer, blocks(4)[2]!);
    await vi.advanceTimersByTimeAsync(1000);
    expect(peer.sent.map(({ offset }) => offset / (2 * BLOCK))).toEqual([0, 1, 3]);
  });

  it('that nobody made can be cancelled without harm', () => {
    const scheduler = schedule(BLOCK);
    const peer = twinConnection();
    scheduler.cancel(peer, blocks(1)[0]!);
    scheduler.add(peer, blocks(1)[0]!, reader);
    scheduler.cancel(peer, { piece: 7, offset: 0, length: BLOCK });
    expect(peer.closed).toEqual([]);
  });

  it('whose block cannot be read is rejected, and the next one is served', async () => {
    const scheduler = schedule(Number.POSITIVE_INFINITY);
    const peer = twinConnection();
    const broken: BlockReader = {
      readRun: async ([{ offset } = { offset: 0 }]) => {
        if (offset === 0) throw new Error('EIO');
      },
    };
    // As the runner hands them over: with the effect's own fields.
    for (const block of blocks(2)) scheduler.add(peer, { type: 'serve', link: 1, ...block } as Block, broken);
    await vi.advanceTimersByTimeAsync(100);
    expect(peer.said).toEqual([{ type: 'reject', piece: 0, offset: 0, length: BLOCK }]);
    expect(peer.sent).toMatchObject([{ offset: 2 * BLOCK }]);
  });

  it('without end closes the peer that makes them, and nobody else', () => {
    const scheduler = schedule(0);
    const [greedy, other] = [twinConnection(), twinConnection()];
    scheduler.add(other, blocks(1)[0]!, reader);
    for (const block of blocks(4096)) scheduler.add(greedy, block, reader);
    expect(greedy.closed).toEqual([]);
    scheduler.add(greedy, blocks(1)[0]!, reader);
    expect([greedy.closed, other.closed]).toEqual([['requests without end'], []]);
  });
});

describe('a peer that does not read', () => {
  it('is sent no more until it has, and holds up nobody', async () => {
    const scheduler = schedule(Number.POSITIVE_INFINITY);
    const [stuck, other] = [twinConnection(), twinConnection()];
    stuck.full = true;
    for (const block of blocks(10)) {
      scheduler.add(stuck, block, reader);
      scheduler.add(other, block, reader);
    }
    await vi.advanceTimersByTimeAsync(100);
    expect([stuck.sent.length, other.sent.length]).toEqual([0, 10]);
  });

  it('goes on where it was once it has', async () => {
    const scheduler = schedule(Number.POSITIVE_INFINITY);
    const peer = twinConnection();
    const full: BlockReader = {
      readRun: async ([{ offset } = { offset: 0 }]) => {
        peer.full = offset === 0;
      },
    };
    for (const block of blocks(10)) scheduler.add(peer, block, full);
    peer.full = true;
    await vi.advanceTimersByTimeAsync(100);
    const before = peer.sent.length;
    expect(before).toBeLessThan(10);
    peer.drain();
    await vi.advanceTimersByTimeAsync(100);
    expect(peer.sent).toHaveLength(10);
  });
});

describe('a peer that goes away', () => {
  it('in the middle of a read is sent nothing, counts nothing, and the others go on', async () => {
    const scheduler = schedule(Number.POSITIVE_INFINITY);
    const gate = createGate();
    const [dying, other] = [twinConnection(), twinConnection()];
    for (const block of blocks(5)) scheduler.add(dying, block, { readRun: () => gate.opened });
    dying.ended = true;
    scheduler.remove(dying);
    gate.open();
    await vi.advanceTimersByTimeAsync(100);
    for (const block of blocks(5)) scheduler.add(other, block, reader);
    await vi.advanceTimersByTimeAsync(100);
    expect([dying.sent.length, other.sent.length, scheduler.sentBytes]).toEqual([0, 5, 5 * BLOCK]);
  });
});

it('after stop nothing leaves and no timer runs', async () => {
  const scheduler = schedule(BLOCK);
  const peer = twinConnection();
  for (const block of blocks(5)) scheduler.add(peer, block, reader);
  await vi.advanceTimersByTimeAsync(100);
  const before = peer.sent.length;
  scheduler.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(peer.sent).toHaveLength(before);
  expect(vi.getTimerCount()).toBe(0);
});

describe('blocks that follow each other are read and written together', () => {
  /** How many blocks each read took, of 150 that were asked for while the first reads went on. */
  async function runsOf(bytesPerSecond: number, connectionCount = 1): Promise<number[]> {
    const scheduler = schedule(bytesPerSecond);
    const connections = Array.from({ length: connectionCount }, twinConnection);
    const reads: number[] = [];
    const gate = createGate();
    const gated: BlockReader = {
      readRun: async (run, targets) => {
        reads.push(run.length);
        expect(targets.map(({ length }) => length)).toEqual(run.map(({ length }) => length));
        await gate.opened;
      },
    };
    for (const connection of connections)
      for (let index = 0; index < 150; index++)
        scheduler.add(connection, { piece: 0, offset: index * BLOCK, length: BLOCK }, gated);
    gate.open();
    await vi.advanceTimersByTimeAsync(60_000);
    for (const { sent, frames } of connections) {
      expect(sent.length).toBe(150);
      expect(frames.reduce((sum, bytes) => sum + bytes, 0)).toBe(150 * (BLOCK + 13));
    }
    scheduler.stop();
    return reads;
  }

  it('up to 1 MiB without a cap, after two that were read ahead one by one', async () => {
    expect(await runsOf(Number.POSITIVE_INFINITY)).toEqual([1, 1, 64, 64, 20]);
  });

  it('up to 10 ms of a cap', async () => {
    expect(Math.max(...(await runsOf(400 * BLOCK)))).toBe(4);
  });

  it('up to 8 MiB over all connections', async () => {
    expect(Math.max(...(await runsOf(Number.POSITIVE_INFINITY, 32)))).toBe(16);
  });
});
