import { createNeighbourGraph } from '@shoal/swarm';
import { describe, expect, it } from 'vitest';
import { addHashes, countOrigin, knownHashes, type Member, needsSeeder, newSwarm, type Swarm } from './swarm.ts';

const PIECE = 262_144;

function swarmOf({ pieces = 4, known = 0, members = '' } = {}): Swarm {
  const graph = createNeighbourGraph({ degree: 30, random: () => 0 });
  const swarm = newSwarm({ id: 'x', digest: 'd', size: pieces * PIECE, pieceLength: PIECE }, graph);
  addHashes(swarm, 0, hashes(0, known));
  [...members].forEach((letter, index) => void swarm.members.set(String(index), member(letter)));
  return swarm;
}

/** l leecher, L leecher with everything, h holder, H holder with everything, s seeder. */
function member(letter: string): Member {
  const role = { l: 'leecher', h: 'holder', s: 'seeder' }[letter.toLowerCase()] as Member['role'];
  return { peerId: letter, role, pieces: 0, complete: /[LH]/.test(letter), hashesSent: 0, ticketExpiresAtMs: 0 };
}

const hashes = (first: number, count: number, salt = 0) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.alloc(32, first + index + 1 + salt)));

describe('published hashes', () => {
  it.each([
    ['the next ones', 0, hashes(0, 2), 'added', 2],
    ['none at all', 2, hashes(2, 0), 'ignored', 0],
    ['half a hash', 0, hashes(0, 1).subarray(1), 'malformed', 0],
    ['one beyond the last piece', 0, hashes(0, 5), 'malformed', 0],
  ])('that are %s', (_title, first, bytes, outcome, known) => {
    const swarm = swarmOf();
    expect(addHashes(swarm, first, bytes)).toBe(outcome);
    expect(swarm.known).toBe(known);
  });

  it('that overlap what is known go on from there', () => {
    const swarm = swarmOf({ known: 2 });
    expect(addHashes(swarm, 1, hashes(1, 2))).toBe('added');
    expect(knownHashes(swarm)).toEqual(hashes(0, 3));
    expect(addHashes(swarm, 0, hashes(0, 2))).toBe('ignored');
  });

  it('behind a gap count when it closes', () => {
    const swarm = swarmOf();
    expect([addHashes(swarm, 2, hashes(2, 2)), swarm.known]).toEqual(['added', 0]);
    expect([addHashes(swarm, 0, hashes(0, 1)), swarm.known]).toEqual(['added', 1]);
    expect([addHashes(swarm, 1, hashes(1, 1)), swarm.known]).toEqual(['added', 4]);
    expect(knownHashes(swarm)).toEqual(hashes(0, 4));
    expect(addHashes(swarm, 2, hashes(2, 1, 9))).toBe('conflict');
  });

  it('that contradict what is known are a conflict', () => {
    const swarm = swarmOf({ known: 2 });
    expect(addHashes(swarm, 1, hashes(1, 2, 9))).toBe('conflict');
    expect(knownHashes(swarm)).toEqual(hashes(0, 2));
  });
});

describe('a seeder is needed', () => {
  it.each([
    ['when somebody waits and nobody has it', 'l', 0, true],
    ['not when nobody waits', 'hH', 0, false],
    ['not when a holder has it whole and all hashes are known', 'lH', 4, false],
    ['when a holder has it whole but nobody could verify it', 'lH', 3, true],
    ['when the hashes are known but nobody has it whole', 'lh', 4, true],
    ['not when all who came for it have it', 'LL', 4, false],
  ])('%s', (_title, members, known, needed) => {
    expect(needsSeeder(swarmOf({ members, known }))).toBe(needed);
  });

  it('not while one is at work', () => {
    const swarm = swarmOf({ members: 'l' });
    swarm.seeding.peerId = 's';
    expect(needsSeeder(swarm)).toBe(false);
  });
});

describe('bytes read from the origin', () => {
  it('count once, also when a seeder starts again from zero', () => {
    const { seeding } = swarmOf();
    const counted = [100, 250, 40, 60].map((bytes) => countOrigin(seeding, 'a', bytes));
    expect(counted).toEqual([100, 150, 40, 20]);
    expect(countOrigin(seeding, 'b', 70)).toBe(70);
  });
});
