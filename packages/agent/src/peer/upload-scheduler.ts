/**
 * Sends blocks under the upload cap, in the order of the queue, and no more of a block at a time than the
 * cap lets through: what is longer goes out in parts. Reads ahead a connection into frames that are
 * recycled. Who is next, and who is turned away, is decided by the queue.
 */
import { type Block, type TrafficClass, TURNS_WAITING, UploadQueue } from '@shoal/swarm';
import { encodePieceHeader, PIECE_HEADER_BYTES } from '@shoal/wire';
import type { Bandwidth } from '../bandwidth/bandwidth.ts';
import { createFramePool } from './frame-pool.ts';
import type { PeerConnection } from './peer-connection.ts';
import { Refusals } from './refusals.ts';
import { trafficTo } from './traffic-to.ts';

export interface BlockReader {
  /** Blocks that lie behind each other in one piece, each into its target: one read from disk. */
  readRun(run: readonly Block[], targets: readonly Uint8Array[]): Promise<void>;
}

interface Sender {
  reader: BlockReader;
  /** Being read or sent, in their order. */
  runs: Outgoing[];
}

/** Blocks on their way, in one frame. */
interface Outgoing {
  connection: PeerConnection;
  frame: Buffer;
  /** Of the frame: not of the blob. */
  headerBytes: number;
  /** Of the frame: what the caps have let through. */
  paidBytes: number;
  sentBytes: number;
  isRead: boolean;
  /** When the caps last let something of it through. */
  paidAt: number;
}

/** A peer asks at most its pipeline; one that asks without end is not served but closed. */
export const MAX_QUEUED_BLOCKS = 4096;
const TICK_MS = 2;
const READS_AHEAD = 2;
/** One read and one write for blocks that lie behind each other: this halves the calls a gigabyte. */
const MAX_RUN_BYTES = 1024 * 1024;
/** Runs of all connections together, so that memory does not grow with them. */
const ALL_RUNS_BYTES = 8 * 1024 * 1024;
/** Under a cap a run is no more than what the bucket may save up. */
const RUN_MS = 10;
/** The least that is sent at a time, in debt if need be: about one full frame of Ethernet. */
const LEAST_PART_BYTES = 1448;
/** A block in part holds up all that is said on its connection: when the caps let nothing more through, that ends. */
const STUCK_MS = 5000;

export class UploadScheduler {
  sentBytes = 0;
  readonly #bandwidth: Bandwidth;
  readonly #now: () => number;
  readonly #queue = new UploadQueue<PeerConnection>();
  readonly #senders = new Map<PeerConnection, Sender>();
  /** Those that the caps have not let through to their ends. */
  readonly #unpaid = new Set<Outgoing>();
  readonly #frames = createFramePool();
  readonly #refusals: Refusals;
  #timer: NodeJS.Timeout | undefined;

  constructor(bandwidth: Bandwidth, now: () => number) {
    this.#bandwidth = bandwidth;
    this.#now = now;
    this.#refusals = new Refusals(bandwidth, now);
  }

  /** `remote`: the peer fetches the piece for its whole zone. */
  add(
    connection: PeerConnection,
    { piece, offset, length, remote }: Block & { remote?: boolean },
    reader: BlockReader,
  ): void {
    const block = { piece, offset, length };
    if (!this.#senders.has(connection)) this.#senders.set(connection, { reader, runs: [] });
    const mostTurns = this.#takesAll(connection) ? Number.POSITIVE_INFINITY : TURNS_WAITING;
    const waiting = this.#queue.add(connection, block, {
      ...{ mostTurns, remote, class: connection.peerClass },
      now: this.#now(),
    });
    if (waiting === 'busy') return this.#refusals.add(connection, block);
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
    this.#refusals.cancel(connection, block);
  }

  remove(connection: PeerConnection): void {
    this.#queue.remove(connection);
    this.#refusals.remove(connection);
    this.#senders.delete(connection);
    for (const outgoing of this.#unpaid) if (outgoing.connection === connection) this.#unpaid.delete(outgoing);
  }

  /** Peers that were allowed longer blocks come back and agree on these: a cap became lower. */
  shortenBlocks(blockBytes: number): void {
    for (const connection of [...this.#senders.keys()])
      if (!isForeign(connection) && (connection.peer?.blockBytes ?? 0) > blockBytes) connection.close('shorter blocks');
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.clear();
    this.#refusals.stop();
    this.#senders.clear();
    this.#unpaid.clear();
  }

  /** Without a cap the queue is short by itself; a foreign client takes a rejected request for a missing piece. */
  #takesAll(connection: PeerConnection): boolean {
    return this.#bandwidth.rate(trafficTo(connection)) === Number.POSITIVE_INFINITY || isForeign(connection);
  }

  #pump(): void {
    let waits = false;
    for (const outgoing of this.#unpaid) {
      this.#pay(outgoing);
      this.#send(outgoing.connection);
      if (outgoing.sentBytes > 0 && this.#now() - outgoing.paidAt > STUCK_MS)
        outgoing.connection.close('held back in the middle of a block');
    }
    const canTake = (connection: PeerConnection): boolean => {
      if (!this.#hasRoom(connection)) return false;
      const isFree = this.#bandwidth.available(trafficTo(connection)) > 0;
      waits ||= !isFree;
      return isFree;
    };
    for (;;) {
      const next = this.#queue.next(canTake, (connection) => this.#runBytes(connection));
      if (next === undefined) break;
      void this.#serve(next.requester, next.run);
    }
    if (waits || this.#unpaid.size > 0) this.#pumpLater();
  }

  #hasRoom(connection: PeerConnection): boolean {
    return (this.#senders.get(connection)?.runs.length ?? READS_AHEAD) < READS_AHEAD && connection.canSendBlock;
  }

  #runBytes(connection: PeerConnection): number {
    const inTime = (this.#bandwidth.rate(trafficTo(connection)) * RUN_MS) / 1000;
    return Math.min(MAX_RUN_BYTES, inTime, ALL_RUNS_BYTES / this.#queue.size);
  }

  /** Takes from the caps what they have for it. */
  #pay(outgoing: Outgoing): void {
    const traffic = trafficTo(outgoing.connection);
    const available = this.#bandwidth.available(traffic);
    if (available <= 0) return;
    const allowed = Math.max(Math.floor(available), LEAST_PART_BYTES);
    const bytes = Math.min(outgoing.frame.length - outgoing.paidBytes, allowed);
    this.#bandwidth.take(traffic, bytes);
    outgoing.paidBytes += bytes;
    outgoing.paidAt = this.#now();
    if (outgoing.paidBytes === outgoing.frame.length) this.#unpaid.delete(outgoing);
  }

  #pumpLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, TICK_MS);
  }

  async #serve(connection: PeerConnection, run: Block[]): Promise<void> {
    const { reader, runs } = this.#senders.get(connection) as Sender;
    const headerBytes = run.length * PIECE_HEADER_BYTES;
    const frame = this.#frames.take(headerBytes + bytesOf(run));
    const nothingYet = { paidBytes: 0, sentBytes: 0, isRead: false, paidAt: this.#now() };
    const outgoing: Outgoing = { connection, frame, headerBytes, ...nothingYet };
    runs.push(outgoing);
    this.#unpaid.add(outgoing);
    this.#pay(outgoing);
    try {
      await reader.readRun(run, layOut(run, frame));
      outgoing.isRead = true;
    } catch {
      this.#unpaid.delete(outgoing);
      runs.splice(runs.indexOf(outgoing), 1);
      for (const { piece, offset, length } of run) connection.send({ type: 'reject', piece, offset, length });
      this.#frames.give(frame);
    }
    this.#send(connection);
    this.#pump();
  }

  /** What has been read and paid for, in the order of the runs: none begins before the one in front is out. */
  #send(connection: PeerConnection): void {
    const runs = this.#senders.get(connection)?.runs ?? [];
    for (let [first] = runs; first?.isRead; [first] = runs) {
      const { frame, headerBytes, sentBytes, paidBytes } = first;
      const isLast = paidBytes === frame.length;
      if (paidBytes > sentBytes) {
        first.sentBytes = paidBytes;
        const done = (): void => void (isLast && this.#frames.give(frame));
        const isSent = connection.sendPart(frame.subarray(sentBytes, paidBytes), isLast, done);
        if (isSent) this.sentBytes += paidBytes - sentBytes - (sentBytes === 0 ? headerBytes : 0);
      }
      if (!isLast) return;
      runs.shift();
      if (!connection.canSendBlock) connection.onceDrained(() => this.#pump());
    }
  }
}

function bytesOf(run: readonly Block[]): number {
  return run.reduce((sum, { length }) => sum + length, 0);
}

/** Writes the header in front of each block; returns where their bytes belong. */
function layOut(run: readonly Block[], frame: Buffer): Buffer[] {
  let end = 0;
  return run.map((block) => {
    encodePieceHeader(block).copy(frame, end);
    const start = end + PIECE_HEADER_BYTES;
    end = start + block.length;
    return frame.subarray(start, end);
  });
}

function isForeign({ peer }: PeerConnection): boolean {
  return peer?.foreign !== undefined;
}
