/**
 * The way of errors into Windows' event log. Decides how much of it there is: one event at a time, each kind once a
 * minute with the number of those that were alike, a bounded number of kinds that wait. What cannot be written is said
 * once, and keeps no daemon from its work. Does not know how an event is written.
 */
import { readError, type WindowsEvent } from './event-text.ts';

export interface EventLogOptions {
  create(event: WindowsEvent): Promise<void>;
  /** Monotonic milliseconds. */
  now(): number;
  /** Resolves early when aborted. */
  delay(ms: number, signal: AbortSignal): Promise<void>;
  /** Told when events cannot be written, once until they can. */
  say(why: string): void;
}

export interface EventLog {
  /** A line of the log; what is below error stays out. Never throws. */
  write(line: string): void;
  /** From now on told what cannot be written. */
  tell(say: EventLogOptions['say']): void;
  /** Writes what still waits, for some seconds at most. */
  close(): Promise<void>;
}

interface Waiting extends WindowsEvent {
  count: number;
  notBeforeMs: number;
}

export const SAME_AGAIN_MS = 60_000;
const MOST_WAITING = 100;
const CLOSE_MS = 5_000;

export function openEventLog(options: EventLogOptions): EventLog {
  const { create, now, delay } = options;
  const waiting = new Map<string, Waiting>();
  const writtenAtMs = new Map<string, number>();
  let { say } = options;
  let leftOut = 0;
  let isTold = false;
  let isClosing = false;
  let wake = new AbortController();
  let writing: Promise<void> | undefined;

  const takeDue = (): Waiting | undefined => {
    for (const [key, event] of waiting) {
      if (!isClosing && event.notBeforeMs > now()) continue;
      waiting.delete(key);
      writtenAtMs.set(key, now());
      return event;
    }
    return undefined;
  };

  const writeOne = async ({ id, text, count }: Waiting): Promise<void> => {
    const also = count > 1 ? ` (${count} like this since the last one)` : '';
    const lost = leftOut > 0 ? ` (${leftOut} of other kinds are in the log only)` : '';
    leftOut = 0;
    try {
      await create({ id, text: `${text}${also}${lost}` });
      isTold = false;
    } catch (error) {
      if (!isTold) say((error as Error).message);
      isTold = true;
    }
  };

  const writeAll = async (): Promise<void> => {
    while (waiting.size > 0) {
      const due = takeDue();
      if (due !== undefined) {
        await writeOne(due);
        continue;
      }
      wake = new AbortController();
      const nextMs = Math.min(...[...waiting.values()].map(({ notBeforeMs }) => notBeforeMs));
      await delay(nextMs - now(), wake.signal);
    }
  };

  const add = ({ key, id, text }: WindowsEvent & { key: string }): void => {
    const same = waiting.get(key);
    if (same !== undefined) {
      same.count++;
      same.text = text;
      return;
    }
    if (waiting.size >= MOST_WAITING) return void leftOut++;
    for (const [old, atMs] of writtenAtMs) if (now() - atMs >= SAME_AGAIN_MS) writtenAtMs.delete(old);
    const writtenMs = writtenAtMs.get(key);
    const notBeforeMs = writtenMs === undefined ? now() : writtenMs + SAME_AGAIN_MS;
    waiting.set(key, { id, text, count: 1, notBeforeMs });
    wake.abort();
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
  };

  return {
    write(line) {
      const error = isClosing ? undefined : readError(line);
      if (error !== undefined) add(error);
    },
    tell(next) {
      say = next;
    },
    async close() {
      isClosing = true;
      wake.abort();
      if (writing === undefined) return;
      const isOver = new AbortController();
      await Promise.race([writing, delay(CLOSE_MS, isOver.signal)]);
      isOver.abort();
      waiting.clear();
    },
  };
}
