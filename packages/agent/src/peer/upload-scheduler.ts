/**
 * Who is sent the next block: connections in turn, one block each, under the upload cap. So peers
 * share the cap evenly and none queues behind another. Reads a few blocks ahead a connection, into
 * frames that are recycled.
 */
import type { TokenBucket } from '@shoal/policy';
import type { Block } from '@shoal/swarm';
import { PIECE_HEADER_BYTES } from '@shoal/wire';
import { createFramePool } from './frame-pool.ts';
import type { PeerConnection } from './peer-connection.ts';

export interface BlockReader {
  /** Blocks that lie behind each other in one piece, each into its target: one read from disk. */
  readRun(run: readonly Block[], targets: readonly Uint8Array[]): Promise<void>;
}

interface Queue {
  connection: PeerConnection;
  reader: BlockReader;
  blocks: Block[];
  /** Blocks being read from disk for this connection. */
  reading: number;
}

/** A peer asks at most its pipeline; one that asks without end is not served but closed. */
export const MAX_QUEUED_BLOCKS = 4096;
const TICK_MS = 5;
const READS_AHEAD = 2;
/** One read and one write for blocks that lie behind each other: this halves the calls a gigabyte. */
const MAX_RUN_BYTES = 1024 * 1024;
/** Runs of all connections together, so that memory does not grow with them. */
const ALL_RUNS_BYTES = 8 * 1024 * 1024;
/** Under a cap a run is no more than what the bucket may save up. */
const RUN_MS = 10;

export class UploadScheduler {
  sentBytes = 0;
  readonly #bucket: TokenBucket;
  readonly #now: () => number;
  readonly #queues = new Map<PeerConnection, Queue>();
  readonly #frames = createFramePool();
  #timer: NodeJS.Timeout | undefined;

  constructor(bucket: TokenBucket, now: () => number) {
    this.#bucket = bucket;
    this.#now = now;
  }

  add(connection: PeerConnection, block: Block, reader: BlockReader): void {
    let queue = this.#queues.get(connection);
    if (queue === undefined) {
      queue = { connection, reader, blocks: [], reading: 0 };
      this.#queues.set(connection, queue);
    }
    if (queue.blocks.length >= MAX_QUEUED_BLOCKS) return connection.close('requests without end');
    queue.blocks.push(block);
    this.#pump();
  }

  cancel(connection: PeerConnection, block: Block): void {
    const queue = this.#queues.get(connection);
    const at = queue?.blocks.findIndex(({ piece, offset }) => piece === block.piece && offset === block.offset) ?? -1;
    if (at >= 0) queue?.blocks.splice(at, 1);
  }

  remove(connection: PeerConnection): void {
    this.#queues.delete(connection);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queues.clear();
  }

  #pump(): void {
    let served = true;
    while (served) {
      served = false;
      for (const [connection, queue] of this.#queues) {
        if (queue.reading >= READS_AHEAD || queue.blocks.length === 0 || !connection.canSendBlock) continue;
        if (this.#bucket.available(this.#now()) <= 0) return this.#pumpLater();
        // To the end of the line: maps keep the order of insertion.
        this.#queues.delete(connection);
        this.#queues.set(connection, queue);
        const run = takeRun(queue.blocks, this.#runBytes());
        this.#bucket.take(bytesOf(run), this.#now());
        void this.#serve(queue, run);
        served = true;
        break;
      }
    }
  }

  #runBytes(): number {
    const inTime = (this.#bucket.bytesPerSecond * RUN_MS) / 1000;
    return Math.min(MAX_RUN_BYTES, inTime, ALL_RUNS_BYTES / this.#queues.size);
  }

  #pumpLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, TICK_MS);
  }

  async #serve(queue: Queue, run: Block[]): Promise<void> {
    const { connection, reader } = queue;
    queue.reading++;
    const frame = this.#frames.take(run.length * PIECE_HEADER_BYTES + bytesOf(run));
    try {
      await reader.readRun(run, payloadsIn(frame, run));
      if (connection.sendRun(run, frame, () => this.#frames.give(frame))) this.sentBytes += bytesOf(run);
    } catch {
      for (const { piece, offset, length } of run) connection.send({ type: 'reject', piece, offset, length });
      this.#frames.give(frame);
    }
    queue.reading--;
    if (connection.canSendBlock) this.#pump();
    else connection.onceDrained(() => this.#pump());
  }
}

/** The next block, with those that follow it in the same piece up to so many bytes in all. */
function takeRun(blocks: Block[], maxBytes: number): Block[] {
  const run = [blocks.shift() as Block];
  let bytes = run[0]?.length ?? 0;
  for (;;) {
    const [last, next] = [run.at(-1) as Block, blocks[0]];
    if (next === undefined || next.piece !== last.piece || next.offset !== last.offset + last.length) return run;
    if (bytes + next.length > maxBytes) return run;
    run.push(blocks.shift() as Block);
    bytes += next.length;
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
