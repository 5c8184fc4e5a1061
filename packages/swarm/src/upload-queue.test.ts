import { describe, expect, it } from 'vitest';
import type { Block } from './events.ts';
import type { TrafficClass } from './traffic-class.ts';
import { UploadQueue } from './upload-queue.ts';

const KiB = 1024;
const room = { mostTurns: Number.POSITIVE_INFINITY, now: 0 };

function blocksOf(piece: number, count = 4, length = 256 * KiB): Block[] {
  return Array.from({ length: count }, (_, index) => ({ piece, offset: index * length, length }));
}

/** Who is served, a letter a block. */
function served(queue: UploadQueue<string>, canTake: (requester: string) => boolean = () => true): string {
  let letters = '';
  for (let next = queue.next(canTake, () => 1); next !== undefined; next = queue.next(canTake, () => 1))
    letters += next.requester;
  return letters;
}

function addAll(queue: UploadQueue<string>, requester: string, blocks: readonly Block[], as?: TrafficClass): void {
  for (const block of blocks) queue.add(requester, block, { ...room, class: as });
}

it('serves one requester to the end of a piece, then the next', () => {
  const queue = new UploadQueue<string>();
  addAll(queue, 'a', [...blocksOf(0), ...blocksOf(1)]);
  addAll(queue, 'b', blocksOf(2));
  expect(served(queue)).toBe('aaaabbbbaaaa');
});

it('small pieces go several to a turn', () => {
  const queue = new UploadQueue<string>();
  for (const piece of [0, 1, 2, 3, 4]) addAll(queue, 'a', blocksOf(piece, 1));
  addAll(queue, 'b', blocksOf(5, 1));
  expect(served(queue)).toBe('aaaaba');
});

it('passes over who cannot take more, and comes back to it', () => {
  const queue = new UploadQueue<string>();
  addAll(queue, 'a', blocksOf(0));
  addAll(queue, 'b', blocksOf(1));
  expect(served(queue, (requester) => requester === 'b')).toBe('bbbb');
  expect(served(queue)).toBe('aaaa');
});

it('who asks for one piece again and again does not keep the others waiting', () => {
  const queue = new UploadQueue<string>();
  for (let round = 0; round < 8; round++) addAll(queue, 'a', blocksOf(0));
  addAll(queue, 'b', blocksOf(1));
  expect(served(queue).indexOf('b')).toBe(16);
});

it('turns away what would wait behind too many pieces, but not the rest of one that is being served', () => {
  const queue = new UploadQueue<string>();
  const two = { mostTurns: 2, now: 0 };
  const [first, second, third] = blocksOf(0) as [Block, Block, Block];
  expect(queue.add('a', first, two)).toBe(1);
  expect(queue.add('b', { ...first, piece: 1 }, two)).toBe(1);
  expect(queue.add('c', { ...first, piece: 2 }, two)).toBe('busy');
  expect(queue.add('a', second, two)).toBe(2);
  expect(
    queue.next(
      () => true,
      () => 1024 * KiB,
    )?.run,
  ).toEqual([first, second]);
  expect(queue.add('a', third, two)).toBe(1);
});

it('keeps the last free turn for who was turned away first, while it comes back', () => {
  const queue = new UploadQueue<string>();
  const block = blocksOf(0, 1)[0] as Block;
  const ask = (requester: string, now: number): number | 'busy' => queue.add(requester, block, { mostTurns: 2, now });
  for (const requester of ['a', 'b', 'c', 'd']) ask(requester, 0);
  queue.next(
    () => true,
    () => 1,
  );
  expect([ask('d', 10), ask('c', 20)]).toEqual(['busy', 1]);
  queue.next(
    () => true,
    () => 1,
  );
  // c was served; d, who came next, does not come back.
  expect([ask('e', 30), ask('e', 200)]).toEqual(['busy', 1]);
});

it('a cancelled or departed piece makes room', () => {
  const queue = new UploadQueue<string>();
  const two = { mostTurns: 2, now: 0 };
  addAll(queue, 'a', blocksOf(0, 2));
  addAll(queue, 'b', blocksOf(1, 1));
  queue.cancel('a', blocksOf(0, 2)[1] as Block);
  expect(queue.add('c', blocksOf(2, 1)[0] as Block, two)).toBe('busy');
  queue.cancel('a', blocksOf(0, 2)[0] as Block);
  expect(queue.add('c', blocksOf(2, 1)[0] as Block, two)).toBe(1);
  queue.remove('b');
  expect(served(queue)).toBe('c');
});

describe('classes', () => {
  const two = { mostTurns: 2, now: 0 };

  it('what a person waits for is served first, pre-warming next, whatever came before', () => {
    const queue = new UploadQueue<string>();
    addAll(queue, 's', blocksOf(0), 'seed');
    addAll(queue, 'w', blocksOf(1), 'prewarm');
    addAll(queue, 'p', blocksOf(2), 'pull');
    expect(served(queue)).toBe('ppppwwwwssss');
  });

  it('who does not say is pre-warming', () => {
    const queue = new UploadQueue<string>();
    addAll(queue, 's', blocksOf(0), 'seed');
    addAll(queue, '?', blocksOf(1));
    addAll(queue, 'w', blocksOf(2), 'prewarm');
    expect(served(queue)).toBe('????wwwwssss');
  });

  it('under pulls without end one run in sixteen is a pre-warm’s', () => {
    const queue = new UploadQueue<string>();
    addAll(queue, 'w', blocksOf(0, 64, 64 * KiB), 'prewarm');
    for (let piece = 1; piece < 9; piece++) addAll(queue, 'p', blocksOf(piece, 64, 64 * KiB), 'pull');
    const letters = served(queue);
    expect(letters.slice(0, 33)).toBe(`${'p'.repeat(15)}w${'p'.repeat(15)}wp`);
    expect(letters.slice(0, 512).replaceAll('p', '')).toHaveLength(32);
  });

  it('a pre-warm that cannot take its share holds no pull up', () => {
    const queue = new UploadQueue<string>();
    addAll(queue, 'w', blocksOf(0, 40, 64 * KiB), 'prewarm');
    for (let piece = 1; piece < 3; piece++) addAll(queue, 'p', blocksOf(piece, 64, 64 * KiB), 'pull');
    expect(served(queue, (requester) => requester === 'p')).toBe('p'.repeat(128));
  });

  it('a pull is not turned away because pre-warming waits, but because pulls do', () => {
    const queue = new UploadQueue<string>();
    const ask = (requester: string, as: TrafficClass): number | 'busy' =>
      queue.add(requester, blocksOf(requester.charCodeAt(0), 1)[0] as Block, { ...two, class: as });
    expect([ask('a', 'prewarm'), ask('b', 'prewarm'), ask('c', 'prewarm')]).toEqual([1, 1, 'busy']);
    expect([ask('p', 'pull'), ask('q', 'pull'), ask('r', 'pull')]).toEqual([1, 1, 'busy']);
  });

  it('pre-warming is turned away while pulls wait', () => {
    const queue = new UploadQueue<string>();
    for (const [piece, requester] of ['p', 'q'].entries())
      queue.add(requester, blocksOf(piece, 1)[0] as Block, { ...two, class: 'pull' });
    expect(queue.add('w', blocksOf(9, 1)[0] as Block, { ...two, class: 'prewarm' })).toBe('busy');
  });

  it('the free turn that a pre-warm was promised is a pull’s when one comes', () => {
    const queue = new UploadQueue<string>();
    const ask = (requester: string, as: TrafficClass): number | 'busy' =>
      queue.add(requester, blocksOf(0, 1)[0] as Block, { mostTurns: 1, now: 0, class: as });
    expect([ask('a', 'prewarm'), ask('b', 'prewarm')]).toEqual([1, 'busy']);
    expect(ask('p', 'pull')).toBe(1);
    expect(served(queue)).toBe('pa');
  });

  it('a pre-warm that becomes a pull’s overtakes with what waits', () => {
    const queue = new UploadQueue<string>();
    addAll(queue, 'a', blocksOf(0), 'prewarm');
    addAll(queue, 'b', blocksOf(1), 'prewarm');
    queue.setClass('b', 'pull');
    addAll(queue, 'b', blocksOf(2), 'pull');
    expect(served(queue)).toBe('bbbbbbbbaaaa');
    expect(queue.add('c', blocksOf(3, 1)[0] as Block, two)).toBe(1);
  });
});
