import { describe, expect, it } from 'vitest';
import { createSseParser } from './sse-parser.ts';

const STREAM = 'event: job\ndata: {"a":"ü"}\n\n\n:\n\ndata: plain\n\n';

describe('a stream of events', () => {
  it.each([
    ['LF', STREAM],
    ['CR LF', STREAM.replaceAll('\n', '\r\n')],
  ])('gives whole events wherever it is cut, and skips comments and blank lines (%s)', (_end, text) => {
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const parser = createSseParser();
      const events = [...parser.push(bytes.subarray(0, cut)), ...parser.push(bytes.subarray(cut))];
      expect(events).toEqual([
        { event: 'job', data: '{"a":"ü"}' },
        { event: 'message', data: 'plain' },
      ]);
    }
  });

  it('is given up at an event that is too large, however it comes', () => {
    const parser = createSseParser(100);
    expect(parser.push(Buffer.from(`data: ${'a'.repeat(80)}\n\n`))).toHaveLength(1);
    parser.push(Buffer.from(`data: ${'a'.repeat(80)}\n`));
    expect(() => parser.push(Buffer.from(`data: ${'a'.repeat(80)}`))).toThrow('larger than 100 characters');
  });
});
