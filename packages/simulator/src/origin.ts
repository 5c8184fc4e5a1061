/** The registry behind the seeder: a cold blob is read once, piece after piece, and its hashes are published. */
import { pieceSize, type SwarmEvent } from '@shoal/swarm';
import type { SimHost } from './host.ts';
import type { Settings } from './options.ts';
import type { Timeline } from './timeline.ts';

/** The tracker passes new hashes on this often. */
const HASHES_EVERY_MS = 100;

export interface OriginOptions {
  time: Timeline;
  settings: Settings;
  seeder: SimHost;
  feed(host: SimHost, event: SwarmEvent): void;
  /** Tells everybody how many hashes there are. */
  publish(count: number): void;
}

export class Origin {
  /** Read so far. */
  bytes = 0;
  hashesKnown = 0;
  readonly #options: OriginOptions;
  readonly #pieces: number;

  constructor(options: OriginOptions) {
    this.#options = options;
    this.#pieces = options.seeder.swarm.held.length;
    if (options.settings.originBytesPerSecond === Number.POSITIVE_INFINITY) this.#hold();
    else this.#start();
  }

  #start(): void {
    this.#read(0, this.#options.time.now);
    this.#publish(0);
  }

  /** A warm blob: the seeder has it. */
  #hold(): void {
    const { seeder, feed } = this.#options;
    this.hashesKnown = this.#pieces;
    feed(seeder, { type: 'hashesKnown', count: this.#pieces });
    for (let piece = 0; piece < this.#pieces; piece++) feed(seeder, { type: 'pieceVerified', piece, ok: true });
  }

  /** One piece after the other; a seeder that starts again goes on where it was. */
  #read(piece: number, fromMs: number): void {
    if (piece >= this.#pieces) return;
    const { time, settings, seeder, feed } = this.#options;
    const bytes = pieceSize(piece, settings.sizeBytes, settings.pieceLength);
    const doneMs = fromMs + (bytes * 1000) / settings.originBytesPerSecond;
    time.at(doneMs, () => {
      if (!seeder.alive) return this.#read(piece, time.now);
      this.bytes += bytes;
      this.hashesKnown = piece + 1;
      feed(seeder, { type: 'pieceVerified', piece, ok: true });
      feed(seeder, { type: 'hashesKnown', count: this.hashesKnown, from: 'elsewhere' });
      this.#read(piece + 1, doneMs);
    });
  }

  #publish(told: number): void {
    const known = this.hashesKnown;
    if (known > told) this.#options.publish(known);
    if (told < this.#pieces) this.#options.time.after(HASHES_EVERY_MS, () => this.#publish(known));
  }
}
