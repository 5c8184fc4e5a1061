import { describe, expect, it } from 'vitest';
import type { LinkInfo, SwarmEffect } from './events.ts';
import { PieceSet } from './piece-set.ts';
import { randomFrom } from './random.ts';
import { Swarm } from './swarm.ts';

const BLOCK = 16_384;
const PIECE = 4 * BLOCK;

function swarmOf(pieces: number): Swarm {
  const swarm = new Swarm({ size: pieces * PIECE, pieceLength: PIECE, role: 'agent', random: randomFrom(1) });
  swarm.handle({ type: 'hashesKnown', count: pieces }, 0);
  return swarm;
}

/** A link to a peer that holds everything; returns the first block asked of it. */
function ask(swarm: Swarm, link: number, over: Partial<LinkInfo> = {}) {
  const info = { link, peer: `p${link}`, canRequest: true, canServe: false, remoteIsSeeder: false, blockBytes: BLOCK };
  swarm.handle({ type: 'connected', choked: false, ...info, ...over }, 0);
  const pieces = new PieceSet(swarm.held.length);
  pieces.addAll();
  swarm.handle({ type: 'peerHolds', link, pieces }, 0);
  return requests(swarm.handle({ type: 'budget', bytes: BLOCK }, 0), link)[0];
}

function requests(effects: readonly SwarmEffect[], link: number) {
  return effects.filter((effect) => effect.type === 'request' && effect.link === link) as (SwarmEffect & {
    type: 'request';
  })[];
}

const closes = (effects: readonly SwarmEffect[]) =>
  effects.flatMap((effect) => (effect.type === 'close' ? [effect.reason] : []));

describe('a block', () => {
  it('nobody asked for is unrequested, and so is one of another length', () => {
    const swarm = swarmOf(2);
    const asked = ask(swarm, 1);
    if (asked === undefined) throw new Error('nothing was asked');
    const { piece, offset, length } = asked;
    expect(swarm.judge(1, { piece, offset, length: length - 1 })).toBe('unrequested');
    expect(swarm.judge(1, { piece: 1 - piece, offset: 3 * BLOCK, length })).toBe('unrequested');
    expect(swarm.judge(1, { piece, offset, length })).toBe('store');
  });

  it('that was given up may come once, and is dropped', () => {
    const swarm = swarmOf(1);
    const asked = ask(swarm, 1);
    if (asked === undefined) throw new Error('nothing was asked');
    swarm.handle({ type: 'choked', link: 1, choked: true }, 1);
    expect(swarm.judge(1, asked)).toBe('drop');
    expect(swarm.judge(1, asked)).toBe('unrequested');
  });
});

describe('a peer', () => {
  it('that stays silent is given one more chance, then closed', () => {
    const swarm = swarmOf(2);
    ask(swarm, 1);
    const first = swarm.handle({ type: 'wake' }, 6_000);
    expect(first).toContainEqual(expect.objectContaining({ type: 'cancel', link: 1 }));
    expect(requests(swarm.handle({ type: 'budget', bytes: 10 * BLOCK }, 6_000), 1)).toHaveLength(1);
    expect(closes(swarm.handle({ type: 'wake' }, 27_000))).toEqual(['silent']);
  });

  it('that chokes is asked nothing, and what it was asked is asked of another', () => {
    const swarm = swarmOf(1);
    const asked = ask(swarm, 1);
    expect(swarm.handle({ type: 'choked', link: 1, choked: true }, 1)).toEqual([]);
    expect(requests(swarm.handle({ type: 'budget', bytes: BLOCK }, 2), 1)).toEqual([]);
    expect(ask(swarm, 2)).toMatchObject({ piece: asked?.piece, offset: asked?.offset });
  });

  it('that sent three bad pieces is blocked, also when it comes by itself', () => {
    const swarm = swarmOf(4);
    const replaced: SwarmEffect[] = [];
    const reasons: string[] = [];
    for (let link = 1; link <= 3; link++) {
      const asked = ask(swarm, link, { peer: 'liar', blockBytes: PIECE });
      if (asked === undefined) throw new Error('nothing was asked');
      swarm.handle({ ...asked, type: 'blockReceived', link }, 1);
      const effects = swarm.handle({ type: 'pieceVerified', piece: asked.piece, ok: false }, 2);
      reasons.push(...closes(effects));
      replaced.push(...effects.filter(({ type }) => type === 'replace'));
      swarm.handle({ type: 'disconnected', link }, 3);
    }
    expect(reasons).toEqual(['bad piece', 'bad piece', 'blocked']);
    expect(replaced).toEqual([{ type: 'replace', peers: ['liar'] }]);
    const back = { link: 9, peer: 'liar', canServe: true, remoteIsSeeder: false, blockBytes: BLOCK, choked: true };
    expect(closes(swarm.handle({ type: 'connected', canRequest: true, ...back }, 60_000))).toEqual(['blocked']);
    expect(closes(swarm.handle({ type: 'connected', canRequest: true, ...back, link: 10 }, 400_000))).toEqual([]);
  });

  it('that asks out of range is closed, and one that asks for what is not held is told so', () => {
    const swarm = swarmOf(2);
    const serving = { canRequest: false, canServe: true, remoteIsSeeder: false, blockBytes: BLOCK, choked: false };
    swarm.handle({ type: 'connected', link: 1, peer: 'p', ...serving }, 0);
    const asks = (piece: number, offset: number) =>
      swarm.handle({ type: 'blockRequested', link: 1, piece, offset, length: BLOCK }, 0);
    expect(closes(asks(2, 0))).toEqual(['request out of range']);
    expect(closes(asks(1, PIECE - 1))).toEqual(['request out of range']);
    expect(asks(1, 0)).toMatchObject([{ type: 'reject' }]);
  });
});
