/** When a peer is asked for hashes that the tracker does not send, and who is told some. */
import { describe, expect, it } from 'vitest';
import type { LinkInfo, SwarmEffect } from './events.ts';
import { randomFrom } from './random.ts';
import { Swarm } from './swarm.ts';

const PIECE = 65_536;
const PIECES = 20;

interface Options {
  role?: 'seeder' | 'agent';
  known?: number;
}

function swarmOf({ role = 'agent', known = 10 }: Options = {}): Swarm {
  const swarm = new Swarm({ size: PIECES * PIECE, pieceLength: PIECE, role, random: randomFrom(1) });
  swarm.handle({ type: 'hashesKnown', count: known }, -1000);
  return swarm;
}

/** Links that we dialled, by number; `in` ones dialled us. */
function connect(swarm: Swarm, link: number, over: Partial<LinkInfo> = {}): void {
  const info = { link, peer: `p${link}`, canRequest: true, canServe: false, remoteIsSeeder: false, blockBytes: 16_384 };
  swarm.handle({ type: 'connected', choked: false, tellsHashes: true, ...info, ...over }, 0);
}

const INCOMING = { canRequest: false, canServe: true };

function said(effects: readonly SwarmEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.type === 'askHashes') return [`ask ${effect.link} from ${effect.first}`];
    if (effect.type === 'tellHashes') return [`tell ${effect.link} from ${effect.first}`];
    return effect.type === 'close' ? [`close ${effect.link}: ${effect.reason}`] : [];
  });
}

const has = (swarm: Swarm, link: number, piece: number, now: number) =>
  said(swarm.handle({ type: 'peerHas', link, piece }, now));
const wake = (swarm: Swarm, now: number) => said(swarm.handle({ type: 'wake' }, now));
const asked = (swarm: Swarm, link: number, first: number, now = 0) =>
  said(swarm.handle({ type: 'hashesAsked', link, first }, now));

function told(swarm: Swarm, link: number, [first, end]: [number, number], now: number): string[] {
  const runs = [{ first, count: end - first }];
  return said(swarm.handle({ type: 'hashesTold', link, runs, known: end }, now));
}

/** The tracker has been silent about piece 10, and link 1 is asked at 500 ms. */
function withoutTracker(options: Options = {}): Swarm {
  const swarm = swarmOf(options);
  connect(swarm, 1);
  has(swarm, 1, 10, 0);
  expect(swarm.isDue(499)).toBe(false);
  expect(swarm.isDue(500)).toBe(true);
  expect(wake(swarm, 500)).toEqual(['ask 1 from 10']);
  return swarm;
}

describe('hashes are asked of a peer', () => {
  it('that has a piece whose hash the tracker does not send for half a second, and at once from then on', () => {
    const swarm = withoutTracker();
    expect(told(swarm, 1, [10, 12], 1001)).toEqual([]);
    expect(has(swarm, 1, 12, 1002)).toEqual(['ask 1 from 12']);
  });

  it('once the tracker, which has sent some, has been silent for a second and a half', () => {
    const swarm = withoutTracker();
    swarm.handle({ type: 'hashesKnown', count: 12 }, 600);
    expect(has(swarm, 1, 12, 700)).toEqual([]);
    expect(wake(swarm, 2099)).toEqual([]);
    expect(wake(swarm, 2100)).toEqual(['ask 1 from 12']);
  });

  it('no more at once when the tracker is back, though peers were quicker', () => {
    const swarm = withoutTracker();
    told(swarm, 1, [10, 12], 501);
    swarm.handle({ type: 'hashesKnown', count: 12 }, 600);
    expect(has(swarm, 1, 12, 700)).toEqual([]);
  });

  it('never while the tracker keeps sending, nor when all are known', () => {
    const swarm = swarmOf();
    connect(swarm, 1);
    for (let piece = 10; piece < PIECES; piece++) {
      const now = (piece - 10) * 450;
      expect(has(swarm, 1, piece, now)).toEqual([]);
      expect(said(swarm.handle({ type: 'hashesKnown', count: piece }, now + 400))).toEqual([]);
    }
    swarm.handle({ type: 'hashesKnown', count: PIECES }, 4500);
    expect(wake(swarm, 99_000)).toEqual([]);
  });

  it('that knows the message, and only of one whose piece we may ask for', () => {
    const swarm = swarmOf();
    connect(swarm, 1, { tellsHashes: false });
    connect(swarm, 2, INCOMING);
    for (const link of [1, 2]) has(swarm, link, 12, 0);
    expect(wake(swarm, 5000)).toEqual([]);
  });

  it('one at a time, another when it does not answer, and who answered before those who did not', () => {
    const swarm = withoutTracker();
    connect(swarm, 2);
    expect(has(swarm, 2, 15, 501)).toEqual([]);
    expect(wake(swarm, 1499)).toEqual([]);
    expect(wake(swarm, 1500)).toEqual(['ask 2 from 10']);
    expect(told(swarm, 2, [10, 14], 1501)).toEqual(['ask 2 from 14']);
    expect(told(swarm, 2, [14, 16], 1502)).toEqual([]);
    expect(has(swarm, 1, 17, 1503)).toEqual(['ask 1 from 16']);
  });

  it('another at once when its link ends', () => {
    const swarm = withoutTracker();
    connect(swarm, 2);
    has(swarm, 2, 11, 1001);
    expect(said(swarm.handle({ type: 'disconnected', link: 1 }, 1002))).toEqual(['ask 2 from 10']);
  });
});

describe('hashes are told', () => {
  it('by a seeder as far as it knows them, and the rest when it has read on', () => {
    const swarm = swarmOf({ role: 'seeder', known: 3 });
    connect(swarm, 1, INCOMING);
    expect(asked(swarm, 1, 2)).toEqual(['tell 1 from 2']);
    expect(asked(swarm, 1, 3)).toEqual([]);
    expect(said(swarm.handle({ type: 'hashesKnown', count: 4, from: 'elsewhere' }, 10))).toEqual(['tell 1 from 3']);
  });

  it('by a seeder that has read a piece behind a gap', () => {
    const swarm = swarmOf({ role: 'seeder', known: 3 });
    connect(swarm, 1, INCOMING);
    expect(asked(swarm, 1, 7)).toEqual([]);
    expect(said(swarm.handle({ type: 'pieceVerified', piece: 7, ok: true }, 10))).toEqual(['tell 1 from 7']);
  });

  it('by others when a seeder has signed them; those of the tracker are got for who asks', () => {
    const swarm = swarmOf({ known: 15 });
    connect(swarm, 1, { remoteIsSeeder: true });
    has(swarm, 1, 12, 0);
    connect(swarm, 2, INCOMING);
    expect(asked(swarm, 2, 10)).toEqual(['ask 1 from 10']);
    expect(told(swarm, 1, [10, 15], 1)).toEqual(['tell 2 from 10']);
    expect(asked(swarm, 2, 12)).toEqual(['tell 2 from 12']);
    expect(asked(swarm, 2, PIECES)).toEqual([]);
  });

  it('not asked back of who asks for them', () => {
    const swarm = swarmOf({ known: 15 });
    connect(swarm, 1);
    has(swarm, 1, 12, 0);
    connect(swarm, 2, { ...INCOMING, peer: 'p1' });
    expect(asked(swarm, 2, 10)).toEqual([]);
  });

  it('what nobody can prove does not hold up what this host lacks', () => {
    const swarm = withoutTracker();
    connect(swarm, 2, INCOMING);
    asked(swarm, 2, 0, 501);
    expect([1500, 2500, 3500].flatMap((now) => wake(swarm, now))).toEqual([
      'ask 1 from 0',
      'ask 1 from 10',
      'ask 1 from 0',
    ]);
  });

  it('that are forged close the link, and the third time block the peer', () => {
    const swarm = swarmOf();
    connect(swarm, 1);
    const forged = () => said(swarm.handle({ type: 'hashesForged', link: 1 }, 0));
    expect([forged(), forged(), forged()]).toEqual([
      ['close 1: forged hashes'],
      ['close 1: forged hashes'],
      ['close 1: blocked'],
    ]);
  });
});
