import { describe, expect, it } from 'vitest';
import type { Cell } from './cells.ts';
import { bytesText, durationText, inOrder, percentText, shortReference } from './format.ts';
import { applyCells } from './job-hosts.ts';
import { createSseReader } from './sse.ts';
import { DICTIONARIES, type TextKey } from './text.ts';

it('hosts stand in the order of their numbers, whatever their case', () => {
  const named = ['web-10', 'Web-9', 'db-2a', 'db-2', 'web-9-b'].map((name) => ({ name }));
  expect(inOrder(named).map(({ name }) => name)).toEqual(['db-2', 'db-2a', 'Web-9', 'web-9-b', 'web-10']);
});

describe('amounts and times', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [99_940, '99.9 kB'],
    [99_960, '100 kB'],
    [8_000_000_000, '8.0 GB'],
    [1.5e18, '1500 PB'],
  ])('%d bytes are %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));

  it.each([
    [-5, '0 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [3 * 3_600_000 + 5 * 60_000, '3 h 05 min'],
    [52 * 3_600_000, '2 d 4 h'],
  ])('%d ms are %s', (ms, text) => expect(durationText(ms)).toBe(text));

  it('a percent is full only when all is there', () => {
    expect([percentText(999, 1000), percentText(1, 1), percentText(0, 0)]).toEqual(['99 %', '100 %', '–']);
  });

  it.each([
    ['harbor.example.com/team/app:1', 'team/app:1'],
    ['localhost:5000/app', 'app'],
    ['team/app:1', 'team/app:1'],
    ['app', 'app'],
  ])('%s is shown as %s', (reference, text) => expect(shortReference(reference)).toBe(text));
});

describe('the dictionary', () => {
  it('has the same values in both languages, and no text is left out', () => {
    const values = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([value]) => value).sort();
    for (const key of Object.keys(DICTIONARIES.en) as TextKey[]) {
      expect(values(DICTIONARIES.zh[key]), key).toEqual(values(DICTIONARIES.en[key]));
      expect(DICTIONARIES.zh[key], key).not.toBe('');
    }
  });
});

describe('a stream of events', () => {
  it('is read wherever its chunks end', () => {
    const text = ':\n\nevent: cells\ndata: {"a":1}\n\ndata: two\ndata: lines\n\n';
    for (let size = 1; size <= text.length; size++) {
      const read = createSseReader();
      const events = [];
      for (let at = 0; at < text.length; at += size) events.push(...read(text.slice(at, at + size)));
      expect(events).toEqual([
        { event: 'cells', data: '{"a":1}' },
        { event: 'message', data: 'two\nlines' },
      ]);
    }
  });
});

describe('cells', () => {
  it('change the hosts that they number, and say what those were', () => {
    const hosts: Cell[] = [];
    const named = ['a', 'b'].map((name) => ({ peerId: name.repeat(40), name }));
    applyCells(hosts, { hosts: named, cells: [0, 0, 0, 1, 1, 4, 30, 0] });
    expect(hosts).toMatchObject([
      { name: 'a', state: 'waiting', percent: 0, online: true },
      { name: 'b', state: 'failed', percent: 30, online: false },
    ]);
    expect(applyCells(hosts, { hosts: [], cells: [1, 1, 31, 1, 9, 3, 100, 1] })).toEqual([
      { cell: hosts[1], before: 'failed' },
    ]);
    expect(hosts[1]).toMatchObject({ state: 'fetching', percent: 31, online: true });
  });
});
