import { describe, expect, it } from 'vitest';
import { Downloads } from './downloads.ts';
import { createLink, type Link } from './links.ts';
import { PieceSet } from './piece-set.ts';
import { randomFrom } from './random.ts';

const BLOCK = 16;
const PIECE = 4 * BLOCK;
const PIECES = 40;

/** A host without anything, and links to peers of which each has all but what is said; a seeder stands first. */
function downloadsFrom(...peers: { name: string; isSeeder?: boolean; lacks?: number[] }[]) {
  const links = peers.map(({ name, isSeeder = false, lacks = [] }, at): Link => {
    const flags = { canRequest: true, canServe: false, remoteIsSeeder: isSeeder, choked: false };
    const link = createLink({ link: at, peer: name, blockBytes: BLOCK, ...flags }, PIECES, 0);
    for (let piece = 0; piece < PIECES; piece++) if (!lacks.includes(piece)) link.have.add(piece);
    return link;
  });
  const options = { size: PIECES * PIECE, pieceLength: PIECE, activeBytes: 20 * PIECE, random: randomFrom(1) };
  const downloads = new Downloads(new PieceSet(PIECES), new Map(links.map((link) => [link.link, link])), options);
  downloads.hashesKnown(PIECES);
  for (const link of links) for (const piece of link.have) downloads.offered(link, piece);
  let now = 0;
  /** A look with room for one block, which comes at once: who was asked for which piece. */
  const tick = (): string => {
    now += 5;
    const effects = downloads.request(links, { bytes: BLOCK }, now);
    for (const effect of effects) {
      if (effect.type !== 'request') continue;
      const link = links.find((one) => one.link === effect.link) as Link;
      for (const next of downloads.received(link, effect, now))
        if (next.type === 'verify') downloads.verified(next.piece, true, now);
      return `${link.peer} ${effect.piece}`;
    }
    return 'nobody';
  };
  return { downloads, tick };
}

describe('who reads a blob while it comes', () => {
  it('gets the piece that is waited for first, whoever has it, though the seeder stands before all', () => {
    const { downloads, tick } = downloadsFrom({ name: 'seeder', isSeeder: true, lacks: [7] }, { name: 'host' });
    downloads.setReading([7]);
    expect([tick(), tick(), tick(), tick()]).toEqual(['host 7', 'host 7', 'host 7', 'host 7']);
  });

  it('gets it to its end from the peer that has begun it, which would else stand behind the seeder', () => {
    const { downloads, tick } = downloadsFrom({ name: 'seeder', isSeeder: true, lacks: [7] }, { name: 'host' });
    downloads.setReading([7]);
    expect(tick()).toBe('host 7');
    downloads.setReading([]);
    expect([tick(), tick()].join()).not.toContain('host');
    downloads.setReading([7]);
    expect([tick(), tick(), tick()]).toEqual(['host 7', 'host 7', 'host 7']);
    expect(tick()).not.toContain('host');
  });

  it('does not keep others from their pieces: every second one is any', () => {
    const { downloads, tick } = downloadsFrom({ name: 'seeder', isSeeder: true });
    downloads.setReading([0]);
    const pieces = new Set(Array.from({ length: 80 }, () => Number(tick().split(' ')[1])));
    expect([...pieces].slice(0, 1)).toEqual([0]);
    expect([...pieces].some((piece) => piece > 16)).toBe(true);
    expect([...pieces].filter((piece) => piece > 0 && piece <= 16).length).toBeGreaterThan(7);
  });
});
