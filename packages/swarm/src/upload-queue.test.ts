import { expect, it } from 'vitest';
import type { Block } from './events.ts';
import { UploadQueue } from './upload-queue.ts';

const KiB = 1024;
const room = { mostTurns: Number.POSITIVE_INFINITY, now: 0 };

function blocksOf(piece: number, count = 4, length = 256 * KiB): Block[] {
  return Array.from({ length: count }, (_, index) => ({ piece, offset: index * length, length }));
}

/** Who is served, a letter a block. */
function served(queue: UploadQueue<string>, canTake: (requester: string) => boolean = () => true): string {
  let letters = '';
  for (let next = queue.next(canTake, 1); next !== undefined; next = queue.next(canTake, 1)) letters += next.requester;
  return letters;
}

function addAll(queue: UploadQueue<string>, requester: string, blocks: readonly Block[]): void {
  for (const block of blocks) queue.add(requester, block, room);
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
  expect(queue.next(() => true, 1024 * KiB)?.run).toEqual([first, second]);
  expect(queue.add('a', third, two)).toBe(1);
});

it('keeps the last free turn for who was turned away first, while it comes back', () => {
  const queue = new UploadQueue<string>();
  const block = blocksOf(0, 1)[0] as Block;
  const ask = (requester: string, now: number): number | 'busy' => queue.add(requester, block, { mostTurns: 2, now });
  for (const requester of ['a', 'b', 'c', 'd']) ask(requester, 0);
  queue.next(() => true, 1);
  expect([ask('d', 10), ask('c', 20)]).toEqual(['busy', 1]);
  queue.next(() => true, 1);
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
