/**
 * Refusals on their way to who asked. Under a low cap they would be all that is sent, since whoever is turned away
 * comes back at once: so they are held back to a small part of the cap, those to one peer in one frame. Who is
 * turned away is decided elsewhere.
 */
import type { Block } from '@shoal/swarm';
import type { Bandwidth } from '../bandwidth/bandwidth.ts';
import type { PeerConnection } from './peer-connection.ts';
import { trafficTo } from './traffic-to.ts';

/** Of the cap. */
const PART = 0.1;
/** With the acknowledgement of the requests. */
const FRAME_BYTES = 2 * 66;
const REJECT_BYTES = 17;
/** Also when nothing may be sent at all: a peer takes one that is silent for 5 s for gone. */
const LONGEST_WAIT_MS = 1000;
/** What the part saves up: those to many peers go at once. */
const BURST_MS = 50;

export class Refusals {
  readonly #waiting = new Map<PeerConnection, Block[]>();
  readonly #bandwidth: Bandwidth;
  readonly #now: () => number;
  #nextAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;

  constructor(bandwidth: Bandwidth, now: () => number) {
    this.#bandwidth = bandwidth;
    this.#now = now;
  }

  add(connection: PeerConnection, block: Block): void {
    const blocks = this.#waiting.get(connection);
    if (blocks === undefined) this.#waiting.set(connection, [block]);
    else blocks.push(block);
    // Those that came in one read leave in one write.
    if (this.#timer === undefined) this.#soon ??= setImmediate(() => this.#send());
  }

  cancel(connection: PeerConnection, { piece, offset }: Block): void {
    const blocks = this.#waiting.get(connection) ?? [];
    const at = blocks.findIndex((block) => block.piece === piece && block.offset === offset);
    if (at >= 0) blocks.splice(at, 1);
  }

  remove(connection: PeerConnection): void {
    this.#waiting.delete(connection);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    this.#waiting.clear();
  }

  #send(): void {
    this.#timer = undefined;
    this.#soon = undefined;
    for (const [connection, blocks] of this.#waiting) {
      const waitMs = this.#nextAt - this.#now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#send(), waitMs);
        return;
      }
      this.#waiting.delete(connection);
      if (blocks.length === 0) continue;
      const bytes = FRAME_BYTES + blocks.length * REJECT_BYTES;
      const traffic = trafficTo(connection);
      this.#bandwidth.take(traffic, bytes);
      const from = Math.max(this.#nextAt, this.#now() - BURST_MS);
      this.#nextAt = from + Math.min((bytes * 1000) / (PART * this.#bandwidth.rate(traffic)), LONGEST_WAIT_MS);
      connection.send(...blocks.map((block) => ({ type: 'reject', ...block }) as const));
    }
  }
}
