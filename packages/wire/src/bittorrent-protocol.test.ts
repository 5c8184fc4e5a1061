/*
 * Our encoder and decoder with `bittorrent-protocol` as the other side of the connection.
 */
import Wire from 'bittorrent-protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { INFO_HASH, joinBlocks, PEER_ID } from './decode.testkit.ts';
import { createDecoder } from './decode.ts';
import { encodeHandshake, encodeMessage, encodePieceHeader } from './encode.ts';
import { decodeExtendedHandshake, encodeExtendedHandshake, SHOAL_AUTH } from './extended-handshake.ts';
import type { WireEvent } from './messages.ts';

const OUR_ID = '11'.repeat(20);
const wires: Wire[] = [];

/** The library reads an extension's name from the prototype. */
class ShoalAuth {
  declare readonly name: string;
}
Object.defineProperty(ShoalAuth.prototype, 'name', { value: SHOAL_AUTH });

afterEach(() => {
  for (const wire of wires.splice(0)) wire.destroy();
});

/** The foreign side, our decoder behind it, and a wait for one of our events or one of theirs. */
function connect(options: { fast: boolean } = { fast: true }) {
  const wire = new Wire();
  wires.push(wire);
  const decoder = createDecoder({ pieceCount: 21, maxBlockBytes: 65_536, maxMessageBytes: 65_536 });
  const seen: WireEvent[] = [];
  const waiting: (() => void)[] = [];
  wire.on('data', (chunk: Uint8Array) => {
    seen.push(...decoder.push(chunk));
    for (const wake of waiting.splice(0)) wake();
  });
  const say = (...parts: Uint8Array[]) => wire.write(Buffer.concat(parts));
  const ours = async <T extends WireEvent['type']>(type: T): Promise<WireEvent & { type: T }> => {
    for (;;) {
      const found = seen.find((event): event is WireEvent & { type: T } => event.type === type);
      if (found) return found;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const theirs = (event: string) => new Promise<unknown[]>((resolve) => wire.once(event, (...args) => resolve(args)));
  const greet = async () => {
    const greeted = theirs('handshake');
    say(encodeHandshake({ infoHash: INFO_HASH, peerId: OUR_ID }));
    const args = await greeted;
    wire.handshake(INFO_HASH, PEER_ID, options);
    await ours('handshake');
    return args;
  };
  return { wire, seen, say, ours, theirs, greet };
}

describe('against bittorrent-protocol', () => {
  it('both sides understand the handshake', async () => {
    const { greet, ours } = connect();
    expect(await greet()).toEqual([INFO_HASH, OUR_ID, { dht: false, fast: true, extended: true }]);
    expect(await ours('handshake')).toEqual({
      type: 'handshake',
      infoHash: INFO_HASH,
      peerId: PEER_ID,
      extensions: true,
      fast: true,
    });
  });

  it('both sides understand the extended handshake', async () => {
    const { wire, greet, ours, say, theirs } = connect();
    wire.use(ShoalAuth);
    wire.extendedHandshake = { v: 'other 1.0', reqq: 250, p: 6881 };
    await greet();
    const { id, payload } = await ours('extended');
    expect(id).toBe(0);
    expect(decodeExtendedHandshake(payload)).toEqual({
      ok: true,
      handshake: { m: { shoal_auth: 1 }, v: 'other 1.0', reqq: 250, p: 6881 },
    });
    const heard = theirs('extended');
    const shoal = { protocol: 1, block: 131_072, nonce: new Uint8Array(32).fill(1), ticket: 'a.b' };
    const handshake = encodeExtendedHandshake({ m: { shoal_auth: 5 }, v: 'Shoal 0.1.0', shoal });
    say(encodeMessage({ type: 'extended', id: 0, payload: handshake }));
    const [name, info] = (await heard) as ['handshake', { shoal: { block: number; nonce: Uint8Array } }];
    expect(name).toBe('handshake');
    expect(wire.peerExtendedMapping).toEqual({ shoal_auth: 5 });
    expect(info.shoal.block).toBe(131_072);
    expect(Buffer.from(info.shoal.nonce)).toEqual(Buffer.alloc(32, 1));
  });

  it('they read our bitfield, have and states, and ask for a block we then send', async () => {
    const { wire, greet, ours, say, theirs } = connect();
    await greet();
    const states = ['bitfield', 'have', 'interested', 'unchoke', 'uninterested', 'keep-alive', 'port'].map(theirs);
    say(
      encodeMessage({ type: 'bitfield', bits: Buffer.of(0x80, 0, 0x08) }),
      encodeMessage({ type: 'have', piece: 9 }),
      encodeMessage({ type: 'interested' }),
      encodeMessage({ type: 'unchoke' }),
      encodeMessage({ type: 'notInterested' }),
      encodeMessage({ type: 'keepAlive' }),
      encodeMessage({ type: 'port' }),
    );
    await Promise.all(states);
    expect([0, 1, 9, 20].map((piece) => wire.peerPieces.get(piece))).toEqual([true, false, true, true]);
    const block = Buffer.alloc(16_384, 'shoal');
    const received = new Promise<Uint8Array>((resolve, reject) => {
      wire.request(9, 32_768, 16_384, (error, bytes) => (error ? reject(error) : resolve(bytes)));
    });
    const { type, ...address } = await ours('request');
    expect(address).toEqual({ piece: 9, offset: 32_768, length: 16_384 });
    say(encodePieceHeader(address), block);
    expect(Buffer.from(await received).equals(block)).toBe(true);
    wire.request(9, 0, 16_384, () => undefined);
    wire.cancel(9, 0, 16_384);
    expect(await ours('cancel')).toEqual({ type: 'cancel', piece: 9, offset: 0, length: 16_384 });
  });

  it('we read their bitfield, have and states, and receive the block we ask for', async () => {
    const { wire, greet, ours, say, theirs, seen } = connect();
    await greet();
    wire.bitfield(Buffer.of(0x80, 0, 0x08));
    wire.have(3);
    wire.interested();
    wire.unchoke();
    wire.uninterested();
    wire.choke();
    wire.unchoke();
    wire.keepAlive();
    wire.port(6881);
    await ours('port');
    expect(seen.slice(1).filter((event) => event.type !== 'extended')).toEqual([
      { type: 'bitfield', bits: Buffer.of(0x80, 0, 0x08) },
      { type: 'have', piece: 3 },
      { type: 'interested' },
      { type: 'unchoke' },
      { type: 'notInterested' },
      { type: 'choke' },
      { type: 'unchoke' },
      { type: 'keepAlive' },
      { type: 'port' },
    ]);
    const block = Buffer.alloc(50_000, 'theirs');
    wire.on('request', (_piece, _offset, _length, respond) => respond(null, block));
    say(encodeMessage({ type: 'request', piece: 3, offset: 16_384, length: block.length }));
    expect(await ours('blockStart')).toEqual({ type: 'blockStart', piece: 3, offset: 16_384, length: block.length });
    await ours('blockData');
    expect(joinBlocks(seen).at(-1)).toEqual({ type: 'blockData', bytes: block, at: 0, last: true });
    const cancelled = theirs('cancel');
    say(encodeMessage({ type: 'cancel', piece: 3, offset: 1, length: 2 }));
    expect(await cancelled).toEqual([3, 1, 2]);
  });

  it('they understand our fast messages', async () => {
    const { wire, greet, say, theirs, ours } = connect();
    await greet();
    const heard = ['have-all', 'have-none', 'suggest', 'allowed-fast'].map(theirs);
    say(
      encodeMessage({ type: 'haveAll' }),
      encodeMessage({ type: 'haveNone' }),
      encodeMessage({ type: 'suggest', piece: 4 }),
      encodeMessage({ type: 'allowedFast', piece: 5 }),
    );
    expect(await Promise.all(heard)).toEqual([[], [], [4], [5]]);
    const refused = new Promise<string>((resolve) => {
      wire.request(5, 0, 16_384, (error) => resolve(error?.message ?? 'answered'));
    });
    await ours('request');
    say(encodeMessage({ type: 'reject', piece: 5, offset: 0, length: 16_384 }));
    expect(await refused).toBe('request was rejected');
  });

  it('we understand their fast messages', async () => {
    const { wire, greet, ours, seen, say } = connect();
    await greet();
    wire.haveAll();
    wire.haveNone();
    wire.suggest(4);
    wire.allowedFast(5);
    // Choked: BEP 6 has them answer with a reject.
    say(encodeMessage({ type: 'request', piece: 6, offset: 0, length: 100 }));
    await ours('reject');
    expect(seen.slice(1).filter((event) => event.type !== 'extended')).toEqual([
      { type: 'haveAll' },
      { type: 'haveNone' },
      { type: 'suggest', piece: 4 },
      { type: 'allowedFast', piece: 5 },
      { type: 'reject', piece: 6, offset: 0, length: 100 },
    ]);
  });
});
