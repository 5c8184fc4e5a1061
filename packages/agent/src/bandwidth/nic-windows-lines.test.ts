import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLineSplitter, parseAdapters } from './nic-windows-lines.ts';

const ADAPTER = { name: 'Ethernet', physical: true, up: true, receivedBytes: 1, sentBytes: 2, linkBitsPerSecond: 8e9 };

function parse(change: object) {
  return parseAdapters(JSON.stringify({ adapters: [{ ...ADAPTER, ...change }] }))?.[0];
}

function split(chunks: string[]): string[] {
  const lines: string[] = [];
  const take = createLineSplitter((line) => void lines.push(line));
  for (const chunk of chunks) take(chunk);
  return lines;
}

it('lines are whole however they arrive, and a half one waits', () => {
  const text = '{"a":1}\n\n{"b":"ü"}\nhalf';
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), text.length];
      const chunks = edges.slice(1).map((edge, index) => text.slice(edges[index], edge));
      expect(split(chunks)).toEqual(['{"a":1}', '{"b":"ü"}']);
    }),
  );
});

it('a line without an end is dropped and takes no memory; the next one is read', () => {
  expect(split(['x'.repeat(300_000), 'x'.repeat(300_000), 'x\nnext\n'])).toEqual(['next']);
});

it('numbers are read in the forms cultures write them, and nothing else is a counter', () => {
  for (const form of [1234567, '1234567', '1.234.567', '1,234,567', '1 234 567', '1\u00a0234\u00a0567', "1'234'567"]) {
    expect(parse({ receivedBytes: form })?.receivedBytes).toBe(1234567);
  }
  for (const form of [-1, '-1', '1,5', '1e9', '', null, true, [1]]) expect(parse({ sentBytes: form })).toBeUndefined();
});

it('a link is known of an adapter that is up and tells it', () => {
  expect(parse({})?.linkBytesPerSecond).toBe(1e9);
  expect(parse({ up: false })?.linkBytesPerSecond).toBe(0);
  for (const bits of [0, null, '10 Gbps', 2 ** 64]) {
    expect(parse({ linkBitsPerSecond: bits })?.linkBytesPerSecond).toBeUndefined();
  }
});

it('one adapter without its list, none, and a mark of encoding are read', () => {
  expect(parseAdapters(`\uFEFF${JSON.stringify({ adapters: ADAPTER })}\r`)).toHaveLength(1);
  expect(parseAdapters('{"adapters":null}')).toEqual([]);
});

it('what is not our line is nothing', () => {
  for (const line of ['# a title', 'Get-NetAdapter : Zugriff verweigert', '{}', '[]', 'null', '12', '{"adapters":[']) {
    expect(parseAdapters(line)).toBeUndefined();
  }
  fc.assert(fc.property(fc.json(), (line) => void parseAdapters(line)));
});
