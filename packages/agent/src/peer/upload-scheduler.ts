/**
 * Who is sent the next block: connections in turn, one block each, under the upload cap. So peers
 * share the cap evenly and none queues behind another. Reads ahead a little a connection.
 */
import type { TokenBucket } from '@shoal/policy';
import type { Block } from '@shoal/swarm';
import { PIECE_HEADER_BYTES } from '@shoal/wire';
import type { PeerConnection } from './peer-connection.ts';

export interface BlockReader {
  readBlock(block: Block, target: Uint8Array): Promise<void>;
}

interface Queue {
  connection: PeerConnection;
  reader: BlockReader;
  blocks: Block[];
  reading: boolean;
}

/** A peer asks at most its pipeline; one that asks without end is not served but closed. */
const MAX_QUEUED_BLOCKS = 4096;
const TICK_MS = 5;

export class UploadScheduler {
  sentBytes = 0;
  readonly #bucket: TokenBucket;
  readonly #now: () => number;
  readonly #queues = new Map<PeerConnection, Queue>();
  #timer: NodeJS.Timeout | undefined;

  constructor(bucket: TokenBucket, now: () => number) {
    this.#bucket = bucket;
    this.#now = now;
  }

  add(connection: PeerConnection, block: Block, reader: BlockReader): void {
    let queue = this.#queues.get(connection);
    if (queue === undefined) {
      queue = { connection, reader, blocks: [], reading: false };
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
        if (queue.reading || queue.blocks.length === 0 || !connection.canSendBlock) continue;
        if (this.#bucket.available(this.#now()) <= 0) return this.#pumpLater();
        // To the end of the line: maps keep the order of insertion.
        this.#queues.delete(connection);
        this.#queues.set(connection, queue);
        this.#bucket.take(queue.blocks[0]?.length ?? 0, this.#now());
        void this.#serve(queue);
        served = true;
        break;
      }
    }
  }

  #pumpLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, TICK_MS);
  }

  async #serve(queue: Queue): Promise<void> {
    const { connection, reader, blocks } = queue;
    const block = blocks.shift() as Block;
    queue.reading = true;
    const frame = Buffer.allocUnsafe(PIECE_HEADER_BYTES + block.length);
    try {
      await reader.readBlock(block, frame.subarray(PIECE_HEADER_BYTES));
      connection.sendBlock(block, frame);
      this.sentBytes += block.length;
    } catch {
      connection.send({ type: 'reject', ...block });
    }
    queue.reading = false;
    if (connection.canSendBlock) this.#pump();
    else connection.onceDrained(() => this.#pump());
  }
}
