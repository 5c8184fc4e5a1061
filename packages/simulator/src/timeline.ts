/**
 * Virtual time: what happens when. Whole milliseconds, and in the order of scheduling within one, so
 * that a run depends on nothing but its seed. One bucket a millisecond: hundred million events are
 * cheap.
 */

type Task = () => void;

export class Timeline {
  now = 0;
  readonly #buckets = new Map<number, Task[]>();
  /** Binary heap of the times that have a bucket. */
  readonly #times: number[] = [];

  /** Runs `task` at `atMs`, rounded up; never before now. */
  at(atMs: number, task: Task): void {
    const time = Math.max(this.now, Math.ceil(atMs));
    const bucket = this.#buckets.get(time);
    if (bucket !== undefined) {
      bucket.push(task);
      return;
    }
    this.#buckets.set(time, [task]);
    this.#pushTime(time);
  }

  after(delayMs: number, task: Task): void {
    this.at(this.now + delayMs, task);
  }

  /** Runs the next millisecond that has something; false when it lies behind `limitMs` or nothing is left. */
  step(limitMs: number): boolean {
    const [time] = this.#times;
    if (time === undefined || time > limitMs) return false;
    this.now = time;
    const bucket = this.#buckets.get(time) as Task[];
    // Tasks for this very millisecond may be added meanwhile.
    for (let index = 0; index < bucket.length; index++) (bucket[index] as Task)();
    this.#buckets.delete(time);
    this.#popTime();
    return true;
  }

  #pushTime(time: number): void {
    const heap = this.#times;
    let at = heap.push(time) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) <= time) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = time;
  }

  #popTime(): void {
    const heap = this.#times;
    const last = heap.pop() as number;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= last) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
  }
}
