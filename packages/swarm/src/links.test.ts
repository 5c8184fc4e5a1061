import { describe, expect, it } from 'vitest';
import { createLink, hasRoom, type Link, noteAsked, noteReceived } from './links.ts';

const KIB = 1024;
const info = { link: 1, peer: 'h1', blockBytes: 16 * KIB, choked: false, canRequest: true, canServe: true };

/** That has sent at this rate for a second. */
function linkAt(bytesPerSecond: number): Link {
  const link = createLink({ ...info, remoteIsSeeder: false } as Parameters<typeof createLink>[0], 100, 0);
  noteReceived(link, { piece: 0, offset: 0, length: bytesPerSecond }, 1000);
  return link;
}

/** Bytes that are asked for until there is no more room. */
function askedAhead(link: Link, aheadMs?: number): number {
  for (let offset = 0; hasRoom(link, aheadMs); offset += 16 * KIB)
    noteAsked(link, { piece: 1, offset, length: 16 * KIB }, 1000);
  return link.askedBytes;
}

describe('the pipeline of a link', () => {
  it('is 300 ms of its rate', () => {
    expect(askedAhead(linkAt(1600 * KIB))).toBe(480 * KIB);
  });

  it('is shorter where the rate may have to fall at once', () => {
    expect(askedAhead(linkAt(1600 * KIB), 100)).toBe(160 * KIB);
  });

  it('is never less than two blocks', () => {
    expect(askedAhead(linkAt(KIB), 100)).toBe(32 * KIB);
  });
});
