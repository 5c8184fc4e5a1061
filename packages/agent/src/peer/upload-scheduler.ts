/**
 * Sends blocks under the upload cap, in the order of the queue. Reads ahead a connection into frames
 * that are recycled. Who is next, and who is turned away, is decided by the queue.
 */
import type { Traffic } from '@shoal/policy';
import { type Block, type TrafficClass, turnsWaiting, UploadQueue } from '@shoal/swarm';
import { PIECE_HEADER_BYTES } from '@shoal/wire';
import type { Bandwidth } from '../bandwidth/bandwidth.ts';
import { createFramePool } from './frame-pool.ts';
import type { PeerConnection } from './peer-connection.ts';

export interface BlockReader {
  /** Blocks that lie behind each other in one piece, each into its target: one read from disk. */
  readRun(run: readonly Block[], targets: readonly Uint8Array[]): Promise<void>;
}

interface Sender {
  reader: BlockReader;
  /** Runs being read from disk for this connection. */
  reading: number;
}

/** A peer asks at most its pipeline; one that asks without end is not served but closed. */
export const MAX_QUEUED_BLOCKS = 4096;
const TICK_MS = 5;
/** A refusal on the wire, in a frame of its own: under a low cap many of them are a part of it. */
const REJECT_BYTES = 66 + 17;
const READS_AHEAD = 2;
/** One read and one write for blocks that lie behind each other: this halves the calls a gigabyte. */
const MAX_RUN_BYTES = 1024 * 1024;
/** Runs of all connections together, so that memory does not grow with them. */
const ALL_RUNS_BYTES = 8 * 1024 * 1024;
/** Under a cap a run is no more than what the bucket may save up. */
const RUN_MS = 10;

export class UploadScheduler {
  sentBytes = 0;
  readonly #bandwidth: Bandwidth;
  readonly #now: () => number;
  readonly #queue = new UploadQueue<PeerConnection>();
  readonly #senders = new Map<PeerConnection, Sender>();
  readonly #frames = createFramePool();
  #timer: NodeJS.Timeout | undefined;

  constructor(bandwidth: Bandwidth, now: () => number) {
    this.#bandwidth = bandwidth;
    this.#now = now;
  }

  /** `remote`: the peer fetches the piece for its whole zone. */
  add(
    connection: PeerConnection,
    { piece, offset, length, remote }: Block & { remote?: boolean },
    reader: BlockReader,
  ): void {
    const block = { piece, offset, length };
    if (!this.#senders.has(connection)) this.#senders.set(connection, { reader, reading: 0 });
    const mostTurns = this.#takesAll(connection) ? Number.POSITIVE_INFINITY : turnsWaiting(remote);
    const waiting = this.#queue.add(connection, block, {
      ...{ mostTurns, remote, class: connection.peerClass },
      now: this.#now(),
    });
    if (waiting === 'busy') {
      this.#bandwidth.take(trafficTo(connection), REJECT_BYTES);
      return connection.send({ type: 'reject', ...block });
    }
    if (waiting > MAX_QUEUED_BLOCKS) return connection.close('requests without end');
    this.#pump();
  }

  /** The peer says what its requests are for now. */
  setClass(connection: PeerConnection, peerClass: TrafficClass): void {
    connection.peerClass = peerClass;
    this.#queue.setClass(connection, peerClass);
  }

  cancel(connection: PeerConnection, block: Block): void {
    this.#queue.cancel(connection, block);
  }

  remove(connection: PeerConnection): void {
    this.#queue.remove(connection);
    this.#senders.delete(connection);
  }

  /** Peers that were allowed longer blocks come back and agree on these: a cap became lower. */
  shortenBlocks(blockBytes: number): void {
    for (const connection of [...this.#senders.keys()])
      if (!isForeign(connection) && (connection.peer?.blockBytes ?? 0) > blockBytes) connection.close('shorter blocks');
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.clear();
    this.#senders.clear();
  }

  /** Without a cap the queue is short by itself; a foreign client takes a rejected request for a missing piece. */
  #takesAll(connection: PeerConnection): boolean {
    return this.#bandwidth.rate(trafficTo(connection)) === Number.POSITIVE_INFINITY || isForeign(connection);
  }

  #pump(): void {
    let waits = false;
    const canTake = (connection: PeerConnection): boolean => {
      if (!this.#hasRoom(connection)) return false;
      const isFree = this.#bandwidth.available(trafficTo(connection)) > 0;
      waits ||= !isFree;
      return isFree;
    };
    for (;;) {
      const next = this.#queue.next(canTake, (connection) => this.#runBytes(connection));
      if (next === undefined) break;
      this.#bandwidth.take(trafficTo(next.requester), bytesOf(next.run));
      void this.#serve(next.requester, next.run);
    }
    if (waits) this.#pumpLater();
  }

  #hasRoom(connection: PeerConnection): boolean {
    return (this.#senders.get(connection)?.reading ?? READS_AHEAD) < READS_AHEAD && connection.canSendBlock;
  }

  #runBytes(connection: PeerConnection): number {
    const inTime = (this.#bandwidth.rate(trafficTo(connection)) * RUN_MS) / 1000;
    return Math.min(MAX_RUN_BYTES, inTime, ALL_RUNS_BYTES / this.#queue.size);
  }

  #pumpLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, TICK_MS);
  }

  async #serve(connection: PeerConnection, run: Block[]): Promise<void> {
    const sender = this.#senders.get(connection) as Sender;
    sender.reading++;
    const frame = this.#frames.take(run.length * PIECE_HEADER_BYTES + bytesOf(run));
    try {
      await sender.reader.readRun(run, payloadsIn(frame, run));
      if (connection.sendRun(run, frame, () => this.#frames.give(frame))) this.sentBytes += bytesOf(run);
    } catch {
      for (const { piece, offset, length } of run) connection.send({ type: 'reject', piece, offset, length });
      this.#frames.give(frame);
    }
    sender.reading--;
    if (connection.canSendBlock) this.#pump();
    else connection.onceDrained(() => this.#pump());
  }
}

function bytesOf(run: readonly Block[]): number {
  return run.reduce((sum, { length }) => sum + length, 0);
}

/** Where each block's bytes stand in the frame: behind its header. */
function payloadsIn(frame: Buffer, run: readonly Block[]): Buffer[] {
  let end = 0;
  return run.map(({ length }) => {
    const start = end + PIECE_HEADER_BYTES;
    end = start + length;
    return frame.subarray(start, end);
  });
}

function trafficTo(connection: PeerConnection): Traffic {
  return { class: connection.peerClass, direction: 'upload', remote: connection.isRemote ? 'elsewhere' : 'zone' };
}

function isForeign({ peer }: PeerConnection): boolean {
  return peer?.foreign !== undefined;
}
