import { describe, expect, it } from 'vitest';
import { bytesOf, eventsOf, HANDSHAKE, INFO_HASH, LIMITS, owed, PEER_ID, type Said } from './decode.testkit.ts';
import { createDecoder } from './decode.ts';
import { encodeHandshake, encodeMessage, encodePieceHeader } from './encode.ts';
import type { ViolationReason } from './messages.ts';

const EVERY_KIND: Said[] = [
  { type: 'keepAlive' },
  { type: 'bitfield', bits: Buffer.of(0xff, 0x00, 0xf8) },
  { type: 'choke' },
  { type: 'unchoke' },
  { type: 'interested' },
  { type: 'notInterested' },
  { type: 'haveAll' },
  { type: 'haveNone' },
  { type: 'have', piece: 20 },
  { type: 'suggest', piece: 0 },
  { type: 'allowedFast', piece: 7 },
  { type: 'request', piece: 3, offset: 0xffff_0000, length: 512 },
  { type: 'cancel', piece: 3, offset: 0, length: 1 },
  { type: 'reject', piece: 3, offset: 16, length: 16 },
  { type: 'port' },
  { type: 'extended', id: 3, payload: Buffer.from('de') },
  { type: 'piece', piece: 5, offset: 64, block: Buffer.alloc(512, 'x') },
  { type: 'have', piece: 1 },
];

function violationOf(...parts: Uint8Array[]): ViolationReason | undefined {
  const last = eventsOf(Buffer.concat(parts)).at(-1);
  return last?.type === 'violation' ? last.reason : undefined;
}

/** A raw frame: id and body, with a length that may lie. */
function frame(id: number, body: Uint8Array, length = 1 + body.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length);
  head[4] = id;
  return Buffer.concat([head, body]);
}

/** A handshake without BEP 6 and BEP 10. */
const PLAIN_HANDSHAKE = Buffer.from(HANDSHAKE).fill(0, 20, 28);

describe('decoder', () => {
  it('reads every kind of message back as it was encoded, cut at any one byte', () => {
    const bytes = bytesOf(EVERY_KIND);
    const expected = [
      { type: 'handshake', infoHash: INFO_HASH, peerId: PEER_ID, extensions: true, fast: true },
      ...owed(EVERY_KIND),
    ];
    for (let cut = 0; cut <= bytes.length; cut++) expect(eventsOf(bytes, [cut])).toEqual(expected);
  });

  it('hands a block on as views of the pushed chunk, never as copies', () => {
    const decoder = createDecoder(LIMITS);
    decoder.push(HANDSHAKE);
    const chunk = Buffer.concat([encodePieceHeader({ piece: 1, offset: 0, length: 300 }), Buffer.alloc(100, 'a')]);
    const first = decoder.push(chunk).at(-1);
    expect(first).toMatchObject({ type: 'blockData', at: 0, last: false });
    if (first?.type !== 'blockData') throw new Error('no block data');
    expect(first.bytes.buffer).toBe(chunk.buffer);
    expect(first.bytes.length).toBe(100);
    const rest = Buffer.alloc(200, 'b');
    expect(decoder.push(rest)).toEqual([{ type: 'blockData', bytes: rest, at: 100, last: true }]);
  });

  it('goes on behind payload that was read past it', () => {
    const decoder = createDecoder(LIMITS);
    decoder.push(HANDSHAKE);
    decoder.push(encodePieceHeader({ piece: 1, offset: 0, length: 300 }));
    expect(decoder.blockRemaining).toBe(300);
    expect(decoder.passed(100)).toEqual({ at: 0, last: false });
    expect(decoder.push(Buffer.alloc(50))).toMatchObject([{ type: 'blockData', at: 100, last: false }]);
    expect(decoder.passed(150)).toEqual({ at: 150, last: true });
    expect(decoder.blockRemaining).toBe(0);
    expect(decoder.push(encodeMessage({ type: 'have', piece: 2 }))).toEqual([{ type: 'have', piece: 2 }]);
  });

  it('keeps a bitfield in its own memory: the chunk may be reused', () => {
    const chunk = bytesOf([{ type: 'bitfield', bits: Buffer.of(1, 2, 0xf8) }]);
    const event = createDecoder(LIMITS).push(chunk).at(-1);
    chunk.fill(0xee);
    expect(event).toEqual({ type: 'bitfield', bits: Buffer.of(1, 2, 0xf8) });
  });

  it('refuses another protocol at its first wrong byte', () => {
    expect(createDecoder(LIMITS).push(Buffer.from('G'))).toEqual([{ type: 'violation', reason: 'not BitTorrent' }]);
  });

  it('says nothing more after a violation', () => {
    const decoder = createDecoder(LIMITS);
    expect(
      decoder.push(Buffer.concat([HANDSHAKE, frame(99, Buffer.alloc(0)), encodeMessage({ type: 'choke' })])),
    ).toEqual([expect.objectContaining({ type: 'handshake' }), { type: 'violation', reason: 'unknown message' }]);
    expect(decoder.push(HANDSHAKE)).toEqual([]);
  });

  it.each<[string, Buffer, ViolationReason]>([
    ['an unknown id', frame(10, Buffer.alloc(0)), 'unknown message'],
    ['a choke with a body', frame(0, Buffer.alloc(1)), 'wrong message length'],
    ['a short have', frame(4, Buffer.alloc(3)), 'wrong message length'],
    ['a long request', frame(6, Buffer.alloc(13)), 'wrong message length'],
    ['a piece without its fields', frame(7, Buffer.alloc(7)), 'wrong message length'],
    ['an extended message without its id', frame(20, Buffer.alloc(0)), 'wrong message length'],
    ['a piece without payload', frame(7, Buffer.alloc(8)), 'empty block'],
    ['a request of no bytes', encodeMessage({ type: 'request', piece: 0, offset: 0, length: 0 }), 'empty block'],
    ['a request over the cap', encodeMessage({ type: 'request', piece: 0, offset: 0, length: 513 }), 'block too long'],
    ['a block over the cap', encodePieceHeader({ piece: 0, offset: 0, length: 513 }), 'block too long'],
    ['a message of 4 GiB', frame(20, Buffer.alloc(0), 0xffff_ffff), 'message too long'],
    ['a bitfield of 4 GiB', frame(5, Buffer.alloc(0), 0xffff_ffff), 'message too long'],
    ['a block of 4 GiB', frame(7, Buffer.alloc(0), 0xffff_ffff), 'block too long'],
    ['a have beyond the blob', encodeMessage({ type: 'have', piece: 21 }), 'piece out of range'],
    ['a block beyond the blob', encodePieceHeader({ piece: 21, offset: 0, length: 9 }), 'piece out of range'],
    ['a bitfield of another length', encodeMessage({ type: 'bitfield', bits: Buffer.alloc(4) }), 'bad bitfield'],
    ['a bitfield with a spare bit', encodeMessage({ type: 'bitfield', bits: Buffer.of(0, 0, 1) }), 'bad bitfield'],
  ])('closes on %s', (_what, bytes, reason) => {
    expect(violationOf(HANDSHAKE, bytes)).toBe(reason);
  });

  it('closes on a fast or extended message from a peer that announced neither', () => {
    expect(violationOf(PLAIN_HANDSHAKE, encodeMessage({ type: 'haveAll' }))).toBe('fast extension not announced');
    const extended = encodeMessage({ type: 'extended', id: 0, payload: Buffer.from('de') });
    expect(violationOf(PLAIN_HANDSHAKE, extended)).toBe('extensions not announced');
  });

  it('looks the piece count up by the info hash of the handshake, before the bitfield behind it', () => {
    const bytes = bytesOf([{ type: 'bitfield', bits: Buffer.of(0xff) }]);
    const withCount = (count: number | undefined) =>
      eventsOf(bytes, [], { ...LIMITS, pieceCount: (infoHash) => (infoHash === INFO_HASH ? count : 0) }).at(-1);
    expect(withCount(8)).toEqual({ type: 'bitfield', bits: Buffer.of(0xff) });
    expect(withCount(9)).toEqual({ type: 'violation', reason: 'bad bitfield' });
    expect(withCount(undefined)).toEqual({ type: 'bitfield', bits: Buffer.of(0xff) });
  });

  it('takes new limits from the next message on', () => {
    const decoder = createDecoder(LIMITS);
    decoder.push(HANDSHAKE);
    decoder.setLimits({ maxBlockBytes: 1024 });
    const request = { type: 'request', piece: 20, offset: 0, length: 1024 } as const;
    expect(decoder.push(encodeMessage(request))).toEqual([request]);
    decoder.setLimits({ pieceCount: 20 });
    expect(decoder.push(encodeMessage(request))).toEqual([{ type: 'violation', reason: 'piece out of range' }]);
  });
});

describe('encoder', () => {
  it('throws when a value does not fit its field', () => {
    expect(() => encodeMessage({ type: 'have', piece: -1 })).toThrow(RangeError);
    expect(() => encodeMessage({ type: 'have', piece: 2 ** 32 })).toThrow(RangeError);
  });

  it('throws on an id that is not 40 hex digits', () => {
    expect(() => encodeHandshake({ infoHash: 'abc', peerId: PEER_ID })).toThrow(TypeError);
    expect(() => encodeHandshake({ infoHash: INFO_HASH, peerId: `${PEER_ID}00` })).toThrow(TypeError);
  });
});
