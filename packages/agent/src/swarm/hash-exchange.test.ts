import { type HashRun, SHOAL_HASHES_ID, signHashRun, type TicketClaims } from '@shoal/wire';
import { describe, expect, it } from 'vitest';
import type { Identity } from '../identity.ts';
import { newIdentity, SWARM, TRACKER_KEY, ticketFor } from '../peer/peer.testkit.ts';
import { blobOf, PIECE, type TestBlob, testStore } from '../store/store.testkit.ts';
import { until } from '../wait.testkit.ts';
import { hashAnswer } from './extended-messages.ts';
import { HashExchange } from './hash-exchange.ts';
import { expectWhole, member, startHost, twinPeer } from './host.testkit.ts';

const blob = blobOf(12 * PIECE);
const seeder = newIdentity();

interface Options {
  known?: number;
  identity?: Identity;
  ticket?: Partial<TicketClaims>;
  nowSeconds?: () => number;
}

/** What a host knows of the blob's hashes, and what it makes of others'. */
async function exchange({ known = 0, identity = newIdentity(), ticket = {}, nowSeconds }: Options = {}) {
  const file = await (await testStore()).open(blob);
  file.addHashes(0, hashesOf(0, known));
  const text = ticketFor(identity, ticket);
  const hashes = new HashExchange({
    ...{ swarmId: SWARM, blob: file, ticket: () => text, privateKey: identity.privateKey },
    ...{ trackerKey: () => TRACKER_KEY, nowSeconds: nowSeconds ?? (() => Date.now() / 1000) },
  });
  /** What it makes of an answer. */
  const take = (runs: readonly HashRun[] = []) => {
    const peer = {};
    hashes.asked(peer);
    return hashes.takeAll(peer, runs);
  };
  return { hashes, file, take };
}

const seederKnowing = (known: number) => exchange({ known, identity: seeder, ticket: { role: 'seeder' } });

function hashesOf(first: number, end: number, of: TestBlob = blob): Buffer {
  return of.hashes.subarray(first * 32, end * 32);
}

interface Forgery {
  by?: Identity;
  ticket?: Partial<TicketClaims>;
  swarm?: string;
  hashes?: Buffer;
}

/** A run of the blob's first hashes; without more it is a good one. */
function runOf([first, end]: [number, number], forgery: Forgery = {}): HashRun {
  const { by = seeder, ticket = {}, swarm = SWARM, hashes = hashesOf(first, end) } = forgery;
  const signature = signHashRun({ swarm, first, hashes }, by.privateKey);
  return { first, hashes, signature, ticket: ticketFor(by, { role: 'seeder', ...ticket }) };
}

describe('a run of hashes', () => {
  it('holds for who is told it by the seeder, and for who is told it by that one', async () => {
    const [{ hashes: source }, one, other] = [await seederKnowing(7), await exchange({ known: 2 }), await exchange()];
    expect(one.take(source.tell({}, 2))).toEqual({ runs: [{ first: 2, count: 5 }], forged: false });
    expect(one.file.hashes.equals(hashesOf(0, 7))).toBe(true);
    other.file.addHashes(0, hashesOf(0, 4));
    expect(other.take(one.hashes.tell({}, 4))).toEqual({ runs: [{ first: 2, count: 5 }], forged: false });
    expect(other.file.hashes.equals(hashesOf(0, 7))).toBe(true);
  });

  it.each<[string, Forgery]>([
    ['by who is no seeder', { ticket: { role: 'leecher' } }],
    ['with the ticket of another swarm', { ticket: { swarm: 'cd'.repeat(20) } }],
    ['for another swarm', { swarm: 'cd'.repeat(20) }],
    ['with a ticket that no tracker signed', { ticket: { signedBy: seeder.privateKey } as Partial<TicketClaims> }],
    ['beyond the last piece', { hashes: Buffer.alloc(13 * 32) }],
  ])('%s is forged, and none of it is believed', async (_how, forgery) => {
    const { hashes, file, take } = await exchange();
    expect(take([runOf([0, 3], forgery)])).toEqual({ runs: [], forged: true });
    expect([file.hashCount, hashes.tell({}, 0)]).toEqual([0, []]);
  });

  it('that was tampered with, or signed by another key than the ticket names, is forged', async () => {
    const { take } = await exchange();
    const tampered = { ...runOf([0, 3]), hashes: Buffer.alloc(3 * 32) };
    const stolen = { ...runOf([0, 3], { by: newIdentity() }), ticket: ticketFor(seeder, { role: 'seeder' }) };
    for (const run of [tampered, stolen]) expect(take([run]).forged).toBe(true);
  });

  it('counts up to the first that is forged', async () => {
    const { file, take } = await exchange();
    const heard = [runOf([0, 2]), runOf([2, 4], { swarm: 'cd'.repeat(20) }), runOf([2, 6])];
    expect(take(heard)).toEqual({ runs: [{ first: 0, count: 2 }], forged: true });
    expect(file.hashCount).toBe(2);
  });

  it('under a ticket that has expired is nobody’s fault and not believed, unless the ticket was seen before', async () => {
    let nowSeconds = 2000;
    const { file, take } = await exchange({ nowSeconds: () => nowSeconds });
    const run = (at: [number, number]) => runOf(at, { ticket: { expiresAtSeconds: 1000 } });
    expect(take([run([0, 3])])).toEqual({ runs: [], forged: false });
    nowSeconds = 999;
    take([run([0, 3])]);
    nowSeconds = 2000;
    take([run([3, 5])]);
    expect(file.hashCount).toBe(5);
  });

  it('that nobody asked for counts as forged, a good one too', async () => {
    const { hashes, file } = await exchange();
    const peer = {};
    hashes.asked(peer);
    expect(hashes.takeAll(peer, [runOf([0, 2])]).forged).toBe(false);
    expect(hashes.takeAll(peer, [runOf([2, 3])])).toEqual({ runs: [], forged: true });
    expect(file.hashCount).toBe(2);
  });

  it('that contradicts the tracker, or lies behind a gap, is passed over', async () => {
    const { hashes, file, take } = await exchange({ known: 2 });
    const other = blobOf(12 * PIECE, { mark: 'other' });
    const heard = [runOf([0, 4], { hashes: hashesOf(0, 4, other) }), runOf([3, 6])];
    expect(take(heard)).toEqual({ runs: [], forged: false });
    expect([file.hashCount, hashes.tell({}, 0)]).toEqual([2, []]);
  });
});

describe('a seeder', () => {
  it('signs what it has read behind a gap, and the gap closes when the rest comes', async () => {
    const { hashes, file, take } = await seederKnowing(3);
    for (const piece of [5, 6]) hashes.read(piece, hashesOf(piece, piece + 1));
    expect(hashes.tell({}, 3)).toEqual([]);
    const sink = await exchange({ known: 5 });
    expect(sink.take(hashes.tell({}, 5)).runs).toEqual([{ first: 5, count: 2 }]);
    take([runOf([3, 5])]);
    expect(file.hashes.equals(hashesOf(0, 7))).toBe(true);
  });

  it('signs the same once, and tells nobody without end', async () => {
    const { hashes } = await seederKnowing(12);
    const [once, again] = [hashes.tell({}, 0), hashes.tell({}, 0)];
    expect(again?.[0]?.signature).toBe(once?.[0]?.signature);
    const greedy = {};
    let asks = 0;
    while (hashes.tell(greedy, 0) !== undefined && asks < 10_000) asks++;
    expect(asks).toBeLessThan(1000);
    expect(hashes.tell({}, 0)).toHaveLength(1);
  });

  it('only by its ticket: an agent in that role that was not named signs nothing', async () => {
    const { hashes } = await exchange({ known: 12, ticket: { role: 'holder' } });
    expect(hashes.tell({}, 0)).toEqual([]);
  });
});

describe('hosts whose tracker sends no hashes', () => {
  it('get them from the seeder and from each other', async () => {
    const source = await member(await startHost(), blob, { role: 'seeder', holds: 'all' });
    const near = await member(await startHost(), blob, { hashless: true });
    const far = await member(await startHost(), blob, { hashless: true });
    far.runner.want([near.host.neighbour]);
    near.runner.want([source.host.neighbour]);
    await expectWhole(near, blob);
    await expectWhole(far, blob);
  });

  it.each([
    ['forged hashes', (by: Identity) => [runOf([0, 12], { by, ticket: { role: 'leecher' } })]],
    ['bad hashes', () => [{ ...runOf([0, 12]), ticket: '' }]],
  ])('close the link of who sends %s', async (reason, runs) => {
    const sink = await member(await startHost(), blob, { hashless: true });
    const liar = await twinPeer({ pieces: blob.pieces });
    sink.runner.want([liar.neighbour]);
    await until('the ask', () =>
      liar.events.some((event) => event.type === 'extended' && event.id === SHOAL_HASHES_ID),
    );
    const [connection] = liar.connections;
    connection?.send(...hashAnswer(connection, runs(newIdentity())));
    await until('the end', () => sink.host.peers.closeReasons.has(reason));
    expect(sink.runner.blob.hashCount).toBe(0);
  });
});
