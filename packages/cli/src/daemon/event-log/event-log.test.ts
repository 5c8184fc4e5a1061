import { describe, expect, it } from 'vitest';
import { openEventLog, SAME_AGAIN_MS } from './event-log.ts';
import type { WindowsEvent } from './event-text.ts';

interface World {
  nowMs: number;
  written: WindowsEvent[];
  said: string[];
  /** Lets the event under way end; a text is why it failed. */
  end(why?: string): Promise<void>;
  /** Time goes on to where the next sleeper wakes. */
  sleep(): Promise<void>;
  atOnce: number;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function world() {
  let underWay: { resolve(): void; reject(error: Error): void } | undefined;
  let sleeper: { atMs: number; wake(): void } | undefined;
  const all: World = {
    ...{ nowMs: 0, written: [], said: [], atOnce: 0 },
    async end(why) {
      const ending = underWay;
      underWay = undefined;
      all.atOnce--;
      if (why === undefined) ending?.resolve();
      else ending?.reject(new Error(why));
      await settled();
    },
    async sleep() {
      all.nowMs = sleeper?.atMs ?? Number.NaN;
      sleeper?.wake();
      await settled();
    },
  };
  const log = openEventLog({
    create: (event) => {
      all.atOnce++;
      expect(all.atOnce).toBe(1);
      all.written.push(event);
      return new Promise((resolve, reject) => {
        underWay = { resolve, reject };
      });
    },
    now: () => all.nowMs,
    delay: (ms, signal) =>
      new Promise((resolve) => {
        sleeper = { atMs: all.nowMs + ms, wake: resolve };
        signal.addEventListener('abort', () => resolve());
      }),
    say: (why) => all.said.push(why),
  });
  const error = (msg: string, jobId = 'j1') => log.write(JSON.stringify({ level: 50, msg, jobId }));
  return { all, log, error };
}

describe('the event log', () => {
  it('writes one event at a time, in their order', async () => {
    const { all, error } = world();
    for (const msg of ['a', 'b', 'c']) error(msg);
    for (let count = 1; count <= 3; count++) {
      expect(all.written).toHaveLength(count);
      await all.end();
    }
    expect(all.written.map(({ text }) => text[7])).toEqual(['a', 'b', 'c']);
  });

  it('tells what repeats once a minute, with its number and the newest facts', async () => {
    const { all, error } = world();
    for (let job = 1; job <= 41; job++) error('image failed', `j${job}`);
    await all.end();
    expect(all.written.map(({ text }) => text)).toEqual(['error: image failed | jobId: j1']);
    await all.sleep();
    expect(all.nowMs).toBe(SAME_AGAIN_MS);
    expect(all.written.at(-1)?.text).toBe('error: image failed | jobId: j41 (40 like this since the last one)');
    await all.end();
    all.nowMs += SAME_AGAIN_MS;
    error('image failed', 'j42');
    expect(all.written.at(-1)?.text).toBe('error: image failed | jobId: j42');
  });

  it('lets a new kind by while another one waits for its minute', async () => {
    const { all, error } = world();
    error('a');
    error('a');
    await all.end();
    error('b');
    await settled();
    expect(all.written.map(({ text }) => text[7])).toEqual(['a', 'b']);
  });

  it('remembers a bounded number of kinds, and says how many it left out', async () => {
    const { all, error } = world();
    for (let kind = 0; kind < 1_000; kind++) error(`kind ${kind}`);
    await all.end();
    expect(all.written[1]?.text).toContain('(899 of other kinds are in the log only)');
    for (let left = 0; left < 150; left++) await all.end();
    expect(all.written).toHaveLength(101);
  });

  it('says once that events cannot be written, and again after they could', async () => {
    const { all, error } = world();
    for (const msg of ['a', 'b', 'c', 'd']) error(msg);
    await all.end('denied');
    await all.end('denied');
    expect(all.said).toEqual(['denied']);
    await all.end();
    await all.end('denied again');
    expect(all.said).toEqual(['denied', 'denied again']);
  });

  it('writes at its end what still waits, and then nothing more', async () => {
    const { all, log, error } = world();
    error('a');
    error('a');
    await all.end();
    const closing = log.close();
    await settled();
    expect(all.written).toHaveLength(2);
    await all.end();
    await closing;
    error('b');
    expect(all.written).toHaveLength(2);
  });

  it('does not wait at its end for a program that hangs', async () => {
    const { all, log, error } = world();
    error('a');
    const closing = log.close();
    await settled();
    await all.sleep();
    await closing;
    expect(all.nowMs).toBe(5_000);
  });
});
