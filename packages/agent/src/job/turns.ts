/**
 * How many tasks run at once, by number and by the memory they may take, and who is next: pulls before pre-warms, among
 * those the higher priority, then the earlier deadline, then who came first. Does not know what the tasks do.
 */
import { CLASSES, type TrafficClass } from '@shoal/swarm';

export interface TurnsOptions {
  most: number;
  /** A task that is larger than this runs alone. Default: any. */
  mostBytes?: number;
}

export interface Task {
  class: TrafficClass;
  /** Higher goes first. Default: 0. */
  priority?: number;
  /** Deadline, milliseconds since the epoch. Default: none. */
  byMs?: number;
  /** Memory it may take. Default: none. */
  bytes?: number;
}

interface Waiting extends Required<Task> {
  start(): void;
}

export class Turns {
  readonly #options: Required<TurnsOptions>;
  #waiting: Waiting[] = [];
  #running = 0;
  #bytes = 0;

  constructor(options: TurnsOptions) {
    this.#options = { mostBytes: Number.POSITIVE_INFINITY, ...options };
  }

  async run<T>(task: Task, action: () => Promise<T>): Promise<T> {
    const { bytes = 0, priority = 0, byMs = Number.POSITIVE_INFINITY } = task;
    await new Promise<void>((start) => {
      this.#waiting.push({ class: task.class, priority, byMs, bytes, start });
      this.#startNext();
    });
    try {
      return await action();
    } finally {
      this.#running--;
      this.#bytes -= bytes;
      this.#startNext();
    }
  }

  /** Nobody is passed over for being large: it would never have its turn among many small ones. */
  #startNext(): void {
    for (let next = this.#next(); next !== undefined && this.#hasRoom(next); next = this.#next()) {
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#running++;
      this.#bytes += next.bytes;
      next.start();
    }
  }

  #next(): Waiting | undefined {
    return this.#waiting.reduce<Waiting | undefined>(
      (first, other) => (first === undefined || goesBefore(other, first) ? other : first),
      undefined,
    );
  }

  #hasRoom({ bytes }: Waiting): boolean {
    const { most, mostBytes } = this.#options;
    return this.#running === 0 || (this.#running < most && this.#bytes + bytes <= mostBytes);
  }
}

function goesBefore(a: Waiting, b: Waiting): boolean {
  if (a.class !== b.class) return CLASSES.indexOf(a.class) < CLASSES.indexOf(b.class);
  return a.priority !== b.priority ? a.priority > b.priority : a.byMs < b.byMs;
}
