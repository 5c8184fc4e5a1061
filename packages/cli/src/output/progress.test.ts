import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { testIo } from '../cli.testkit.ts';
import { createProgress } from './progress.ts';
import { createRateMeter } from './rate-meter.ts';

describe('progress without a terminal', () => {
  it('is a line when something changed, at most one every two seconds', () => {
    const io = testIo();
    const progress = createProgress(io);
    const showAt = (nowMs: number, summary: string) => {
      io.nowMs = nowMs;
      progress.show([], summary);
    };
    showAt(0, '0 %');
    showAt(500, '10 %');
    showAt(1999, '20 %');
    showAt(2000, '30 %');
    showAt(4000, '30 %');
    showAt(4001, '40 %');
    expect(io.err).toBe('0 %\n30 %\n40 %\n');
  });

  it('ends with the last state', () => {
    const io = testIo();
    const progress = createProgress(io);
    progress.show([], '0 %');
    progress.show([], '100 %');
    progress.stop();
    expect(io.err).toBe('0 %\n100 %\n');
  });
});

describe('progress on a terminal', () => {
  it('is a bar a row with its detail, and a note stands above', () => {
    const stream = Object.assign(new PassThrough(), {
      isTTY: true,
      columns: 120,
      rows: 40,
    }) as never as NodeJS.WriteStream;
    for (const name of ['cursorTo', 'moveCursor', 'clearLine', 'clearScreenDown'])
      Object.assign(stream, { [name]: () => true });
    const progress = createProgress({ ...testIo(), terminal: stream });
    progress.show([{ name: 'web-1', done: 1, total: 4, detail: '3.0 MB/s from seeder' }], '');
    progress.note('the tracker does not answer');
    progress.stop();
    const drawn = String(stream.read());
    expect(drawn).toMatch(/web-1 .* 25% 3\.0 MB\/s from seeder/);
    expect(drawn).toContain('the tracker does not answer');
  });
});

describe('a rate', () => {
  it('is what came over the last seconds', () => {
    const meter = createRateMeter();
    expect(meter.add(0, 0)).toBe(0);
    expect(meter.add(1000, 1000)).toBe(1000);
    expect(meter.add(1000, 10_000)).toBeLessThan(1000);
    expect(meter.add(1000, 20_000)).toBe(0);
  });

  it('is never negative', () => {
    const meter = createRateMeter();
    meter.add(1000, 0);
    expect(meter.add(0, 1000)).toBe(0);
  });
});
