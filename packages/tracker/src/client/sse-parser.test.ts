import { expect, it } from 'vitest';
import { createSseParser } from './sse-parser.ts';

const STREAM = 'event: job\ndata: {"a":"ü"}\n\n:\n\ndata: plain\n\n';

it('gives whole events wherever the stream is cut, and skips comments', () => {
  const bytes = Buffer.from(STREAM);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const parser = createSseParser();
    const events = [...parser.push(bytes.subarray(0, cut)), ...parser.push(bytes.subarray(cut))];
    expect(events).toEqual([
      { event: 'job', data: '{"a":"ü"}' },
      { event: 'message', data: 'plain' },
    ]);
  }
});
