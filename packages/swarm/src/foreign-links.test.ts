/** How far ahead a foreign client is asked: it may look at its requests only now and then, and keep only so many. */
import { describe, expect, it } from 'vitest';
import type { Block } from './events.ts';
import { PieceSet } from './piece-set.ts';
import { randomFrom } from './random.ts';
import { Swarm } from './swarm.ts';

const BLOCK = 16_384;
const PIECE = 4 * BLOCK;
const PIECES = 4096;
const LOOKS_EVERY_MS = 500;

/** A client that answers all it was asked each time it looks; gives how many requests it found each time. */
function found(looks: number, { maxRequests = 250, told }: { maxRequests?: number; told?: number } = {}): number[] {
  const swarm = new Swarm({ size: PIECES * PIECE, pieceLength: PIECE, role: 'agent', random: randomFrom(1) });
  swarm.handle({ type: 'hashesKnown', count: PIECES }, 0);
  const both = { canRequest: true, canServe: true, remoteIsSeeder: false, choked: false };
  swarm.handle({ type: 'connected', link: 1, peer: 'p', blockBytes: BLOCK, maxRequests, ...both }, 0);
  if (told !== undefined) swarm.handle({ type: 'maxRequests', link: 1, count: told }, 0);
  const all = new PieceSet(PIECES);
  all.addAll();
  swarm.handle({ type: 'peerHolds', link: 1, pieces: all }, 0);
  let waiting: Block[] = [];
  return Array.from({ length: looks }, (_, look) => {
    const now = look * LOOKS_EVERY_MS;
    for (const block of waiting) receive(swarm, block, now);
    waiting = swarm
      .handle({ type: 'budget', bytes: PIECES * PIECE }, now)
      .flatMap((effect) => (effect.type === 'request' ? [effect] : []));
    return waiting.length;
  });
}

function receive(swarm: Swarm, { piece, offset, length }: Block, now: number): void {
  const effects = swarm.handle({ type: 'blockReceived', link: 1, piece, offset, length }, now);
  for (const effect of effects) {
    if (effect.type === 'verify') swarm.handle({ type: 'pieceVerified', piece: effect.piece, ok: true }, now);
  }
}

describe('a foreign client that looks at its requests twice a second', () => {
  it('is asked ever more, up to what clients keep', () => {
    const counts = found(12);
    expect([counts[0], counts.at(-1)]).toEqual([2, 250]);
  });

  it.each([
    ['fewer', 20],
    ['more', 500],
  ])('is asked as many as it says it keeps: %s', (_title, told) => {
    const counts = found(16, { told });
    expect(Math.max(...counts)).toBe(told);
  });
});
