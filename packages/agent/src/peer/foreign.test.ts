/** Foreign BitTorrent clients as an agent meets them: admission, both directions on one connection, misbehaviour. */
import { decodeExtendedHandshake, EXTENDED_HANDSHAKE_ID, encodeExtendedHandshake } from '@shoal/wire';
import { describe, expect, it } from 'vitest';
import { blobOf, pieceOf } from '../store/store.testkit.ts';
import { expectWhole } from '../swarm/host.testkit.ts';
import { until } from '../wait.testkit.ts';
import { blockBytes, clientTo, doorOf, HERE, honest, INFO_HASH, listeningClient } from './foreign.testkit.ts';

const BLOCK = 16 * 1024;
/** Pieces of one block: a bad one has one author. */
const SMALL = { pieceLength: BLOCK };
const FIRST_HALF = { type: 'bitfield', bits: Uint8Array.of(0xf0) } as const;

describe('a foreign client', () => {
  it('on a host that is not in the list is refused', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL), { holds: 'all', hosts: ['192.0.2.1'] });
    const client = await clientTo(door);
    await client.closed();
    expect([client.events, door.door.closeReasons.get('swarm not known here')]).toEqual([[], 1]);
  });

  it('is refused once its host has left the list, while who is connected stays', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL), { holds: 'all' });
    const early = await clientTo(door);
    door.runner.setForeign(INFO_HASH, []);
    await (await clientTo(door)).closed();
    expect([early.isClosed, door.runner.connectionCount]).toEqual([false, 1]);
  });

  it('is told what the agent holds, then how many requests it may keep waiting', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL), { holds: 'all' });
    const client = await clientTo(door);
    const [extended] = await client.heard('extended');
    expect(client.events.map(({ type }) => type)).toEqual(['handshake', 'haveAll', 'extended']);
    const said = decodeExtendedHandshake(extended?.payload ?? Buffer.alloc(0));
    expect(said).toMatchObject({ ok: true, handshake: { m: {}, v: 'Shoal 1.2.3', reqq: 2048 } });
  });

  it('is answered when it has said its first word: it may not have looked at what came with the handshake', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL), { holds: 'all' });
    const client = await clientTo(door, { extensions: false });
    client.send({ type: 'haveNone' }, { type: 'interested' });
    await client.heard('unchoke');
    expect(client.events.map(({ type }) => type)).toEqual(['handshake', 'haveAll', 'keepAlive', 'unchoke']);
  });

  it('is unchoked when it is interested, not before', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL), { holds: 'all' });
    const client = await clientTo(door);
    client.send({ type: 'haveNone' });
    await client.heard('keepAlive');
    expect(client.events.some(({ type }) => type === 'unchoke')).toBe(false);
    client.send({ type: 'interested' });
    await client.heard('unchoke');
  });

  it.each([
    ['all', 'all' as const, ['handshake', 'bitfield', 'keepAlive', 'unchoke']],
    ['nothing', [], ['handshake', 'interested', 'keepAlive', 'unchoke']],
  ])('without BEP 6 is told of %s by a bitfield or its absence', async (_title, holds, told) => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL), { holds });
    const client = await clientTo(door, { fast: false, extensions: false });
    client.send({ type: 'interested' });
    await client.heard('unchoke');
    expect(client.events.map(({ type }) => type)).toEqual(told);
  });

  it('that asks for more than 16 KiB at once is closed', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, { pieceLength: 4 * BLOCK }), { holds: 'all' });
    const client = await clientTo(door);
    client.send({ type: 'interested' }, { type: 'request', piece: 0, offset: 0, length: BLOCK });
    await until('the block', () => blockBytes(client) === BLOCK);
    client.send({ type: 'request', piece: 0, offset: 0, length: BLOCK + 1 });
    await client.closed();
    expect(door.door.closeReasons.get('request longer than agreed')).toBe(1);
  });

  it('that sends an extension nobody has offered is left alone', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL), { holds: 'all' });
    const client = await clientTo(door);
    client.send({ type: 'extended', id: 7, payload: Buffer.from('i1e') }, { type: 'interested' });
    await client.heard('unchoke');
    expect(client.isClosed).toBe(false);
  });
});

describe('what a foreign client says of itself', () => {
  it('is kept to: it is not asked for more than it keeps waiting', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL));
    door.runner.want([]);
    const client = await clientTo(door);
    const payload = encodeExtendedHandshake({ m: {}, reqq: 2 });
    client.send({ type: 'haveAll' }, { type: 'extended', id: EXTENDED_HANDSHAKE_ID, payload }, { type: 'unchoke' });
    await client.heard('request');
    client.send({ type: 'interested' });
    await client.heard('unchoke');
    expect(client.events.filter(({ type }) => type === 'request')).toHaveLength(1);
  });

  it('closes the connection when it is malformed', async () => {
    const door = await doorOf(blobOf(8 * BLOCK, SMALL));
    const client = await clientTo(door);
    client.send({ type: 'extended', id: EXTENDED_HANDSHAKE_ID, payload: Buffer.from('i1e') });
    await client.closed();
    expect(door.door.closeReasons.get('bad extended handshake')).toBe(1);
  });
});

describe('one connection with a foreign client', () => {
  it.each(['the client', 'the agent'])('serves both ways when %s dials', async (dialler) => {
    const blob = blobOf(8 * BLOCK, SMALL);
    const door = await doorOf(blob, { holds: [4, 5, 6, 7] });
    const options = { onRequest: honest(blob) };
    door.runner.want([]);
    const listening = await listeningClient(options);
    if (dialler === 'the agent') {
      door.runner.setForeign(INFO_HASH, [{ host: HERE, port: listening.port }]);
      await until('the dial', () => listening.twins.length === 1);
    }
    const client = listening.twins[0] ?? (await clientTo(door, options));
    client.send(FIRST_HALF, { type: 'unchoke' }, { type: 'interested' });
    await expectWhole(door, blob);
    await client.heard('unchoke');
    client.send({ type: 'request', piece: 6, offset: 0, length: BLOCK });
    await until('the block', () => blockBytes(client) === BLOCK);
    const received = client.events.flatMap((event) => (event.type === 'blockData' ? [event.bytes] : []));
    expect(Buffer.concat(received).equals(pieceOf(blob, 6))).toBe(true);
    expect([door.runner.connectionCount, client.isClosed]).toEqual([1, false]);
  });

  it('is not asked before it is unchoked, and a choke releases what was asked', async () => {
    const blob = blobOf(BLOCK, SMALL);
    const door = await doorOf(blob);
    door.runner.want([]);
    const client = await clientTo(door);
    client.send({ type: 'haveAll' }, { type: 'interested' });
    await client.heard('unchoke');
    expect(client.events.some(({ type }) => type === 'request')).toBe(false);
    client.send({ type: 'unchoke' });
    await client.heard('request');
    const other = await clientTo(door, { onRequest: honest(blob) });
    other.send({ type: 'haveAll' }, { type: 'unchoke' });
    client.send({ type: 'choke' });
    await other.heard('request');
    await expectWhole(door, blob);
  });

  it('is asked again after a choke was taken back', async () => {
    const door = await doorOf(blobOf(BLOCK, SMALL));
    door.runner.want([]);
    const client = await clientTo(door);
    client.send({ type: 'haveAll' }, { type: 'unchoke' });
    await client.heard('request');
    client.send({ type: 'choke' }, { type: 'unchoke' });
    const [first, second] = await client.heard('request', 2);
    expect(second).toEqual(first);
  });
});

describe('a host whose clients send bad pieces', () => {
  it('is blocked for a while after three, also when it dials', async () => {
    const blob = blobOf(8 * BLOCK, SMALL);
    const door = await doorOf(blob);
    door.runner.want([]);
    const wrong = Buffer.alloc(BLOCK, 1);
    for (let bad = 1; bad <= 3; bad++) {
      let lies = 1;
      const liar = await clientTo(door, { onRequest: () => (lies-- > 0 ? wrong : undefined) });
      liar.send({ type: 'haveAll' }, { type: 'unchoke' });
      await liar.closed();
    }
    expect([door.door.closeReasons.get('bad piece'), door.door.closeReasons.get('blocked')]).toEqual([2, 1]);
    await (await clientTo(door)).closed();
    expect([door.door.closeReasons.get('blocked'), door.runner.blob.held.count]).toEqual([2, 0]);
  });
});
