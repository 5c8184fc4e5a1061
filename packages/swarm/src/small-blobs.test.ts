import { expect, it } from 'vitest';
import type { LinkInfo } from './events.ts';
import { pieceLengthFor } from './geometry.ts';
import { PieceSet } from './piece-set.ts';
import { randomFrom } from './random.ts';
import { Swarm } from './swarm.ts';

const KiB = 1024;

/** How many times somebody has to answer before all of the blob has been asked for. */
function roundTrips(size: number, link: Partial<LinkInfo>): number {
  const pieceLength = pieceLengthFor(size);
  const swarm = new Swarm({ size, pieceLength, role: 'agent', random: randomFrom(1) });
  const pieces = new PieceSet(swarm.held.length);
  pieces.addAll();
  swarm.handle({ type: 'hashesKnown', count: pieces.length }, 0);
  const info = { link: 1, peer: 'p', canRequest: true, canServe: false, remoteIsSeeder: false, choked: false };
  swarm.handle({ type: 'connected', ...info, blockBytes: 16 * KiB, ...link }, 0);
  swarm.handle({ type: 'peerHolds', link: 1, pieces }, 0);
  let trips = 0;
  for (let askedBytes = 0; askedBytes < size; trips++) {
    const requests = swarm.handle({ type: 'budget', bytes: Number.POSITIVE_INFINITY }, 0);
    for (const effect of requests) {
      if (effect.type !== 'request') continue;
      askedBytes += effect.length;
      const { piece, offset, length } = effect;
      swarm.handle({ type: 'blockReceived', link: 1, piece, offset, length }, 0);
    }
    if (requests.length === 0) return Number.POSITIVE_INFINITY;
  }
  return trips;
}

it.each([100 * KiB, 2048 * KiB])(
  'a blob of %i bytes is asked for in one round trip where the shell says so',
  (size) => {
    expect(roundTrips(size, { firstBytes: size })).toBe(1);
    expect(roundTrips(size, {})).toBeGreaterThan(3);
  },
);

it('no more than the shell says is asked before the first answer', () => {
  expect(roundTrips(2048 * KiB, { firstBytes: 512 * KiB })).toBe(4);
});
