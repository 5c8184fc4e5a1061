import { describe, expect, it } from 'vitest';
import { choosePeers, MAX_PEERS, type PeerChoice } from './choose-peers.ts';

const ASKER = { host: '10.0.0.9', port: 6881, peerId: 'asker' };

const members = (...hosts: string[]) => hosts.map((host, index) => ({ host, port: 7610, peerId: `m${index}` }));
const many = (count: number) =>
  members(...Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}`));

function choose(from: ReturnType<typeof members>, changes: Partial<PeerChoice> = {}): string[] {
  const choice = { asker: ASKER, compact: true, numwant: undefined, random: () => 0.5, ...changes };
  return choosePeers(from, choice).map(({ host }) => host);
}

describe('the peers of an answer', () => {
  it('are members with an address; names only for who takes no compact form', () => {
    const from = members('10.0.0.1', 'node-2.example', '2001:db8::3');
    expect(choose(from)).toEqual(['10.0.0.1', '2001:db8::3']);
    expect(choose(from, { compact: false })).toEqual(['10.0.0.1', 'node-2.example', '2001:db8::3']);
  });

  it('are never the asker itself', () => {
    const from = [
      { ...ASKER, peerId: 'x' },
      { ...ASKER, host: '10.0.0.1', port: 1 },
      { ...ASKER, port: 7610, peerId: 'neighbour on the same host' },
    ];
    expect(choose(from)).toEqual(['10.0.0.9']);
  });

  it.each([
    [undefined, MAX_PEERS],
    [500, MAX_PEERS],
    [3, 3],
    [0, 0],
  ])('for numwant %s are at most %i', (numwant, count) => {
    expect(choose(many(400), { numwant })).toHaveLength(count);
  });

  it('are a fair sample of many', () => {
    let state = 1;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const from = many(100);
    const times = new Map<string, number>();
    for (let round = 0; round < 2000; round++) {
      for (const host of choose(from, { numwant: 10, random })) times.set(host, (times.get(host) ?? 0) + 1);
    }
    const counts = from.map(({ host }) => times.get(host) ?? 0);
    expect(Math.min(...counts)).toBeGreaterThan(140);
    expect(Math.max(...counts)).toBeLessThan(260);
  });
});
