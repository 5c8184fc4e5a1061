import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, eventsOf, HANDSHAKE, joinBlocks, LIMITS, owed, type Said } from './decode.testkit.ts';
import { createDecoder } from './decode.ts';
import { encodeMessage } from './encode.ts';
import type { PieceType, PlainType, WireEvent } from './messages.ts';

const piece = fc.nat({ max: LIMITS.pieceCount - 1 });
const offset = fc.nat({ max: 0xffff_ffff });
const length = fc.integer({ min: 1, max: LIMITS.maxBlockBytes });

const message: fc.Arbitrary<Said> = fc.oneof(
  fc.record({
    type: fc.constantFrom<PlainType | 'keepAlive'>(
      'keepAlive',
      'choke',
      'unchoke',
      'interested',
      'haveAll',
      'haveNone',
    ),
  }),
  fc.record({ type: fc.constantFrom<PieceType>('have', 'suggest', 'allowedFast'), piece }),
  fc.record({ type: fc.constantFrom('request', 'cancel', 'reject'), piece, offset, length }),
  fc.record({
    type: fc.constant('bitfield' as const),
    // 21 pieces: the last byte has 3 spare bits.
    bits: fc.uint8Array({ minLength: 3, maxLength: 3 }).map((bits) => Buffer.from([...bits.subarray(0, 2), 0xf8])),
  }),
  fc.record({
    type: fc.constant('extended' as const),
    id: fc.nat({ max: 255 }),
    payload: fc.uint8Array({ maxLength: LIMITS.maxMessageBytes }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({
    type: fc.constant('piece' as const),
    piece,
    offset,
    block: fc.uint8Array({ minLength: 1, maxLength: LIMITS.maxBlockBytes }),
  }),
);
const messages = fc.array(message, { maxLength: 12 });
const cuts = fc.array(fc.nat({ max: 4000 }), { maxLength: 40 });
const mutation = fc.record({ at: fc.nat({ max: 4000 }), byte: fc.nat({ max: 255 }), drop: fc.boolean() });

function mutate(bytes: Buffer, mutations: { at: number; byte: number; drop: boolean }[]): Buffer {
  const values = [...bytes];
  for (const { at, byte, drop } of mutations) {
    if (drop) values.splice(at % values.length, 1);
    else values[at % values.length] = byte;
  }
  return Buffer.from(values);
}

function everyByte(bytes: Uint8Array): WireEvent[] {
  const decoder = createDecoder(LIMITS);
  return joinBlocks([...bytes].flatMap((byte) => decoder.push(Buffer.of(byte))));
}

/** No more than one event a byte; stored bodies within their cap; nothing after a violation. */
function expectBounded(events: WireEvent[], bytes: Uint8Array): void {
  expect(events.length).toBeLessThanOrEqual(bytes.length);
  const violation = events.findIndex((event) => event.type === 'violation');
  if (violation !== -1) expect(violation).toBe(events.length - 1);
  for (const event of events) {
    if (event.type === 'bitfield') expect(event.bits.length).toBeLessThanOrEqual(LIMITS.maxMessageBytes);
    if (event.type === 'extended') expect(event.payload.length).toBeLessThanOrEqual(LIMITS.maxMessageBytes);
    if (event.type === 'blockStart') expect(event.length).toBeLessThanOrEqual(LIMITS.maxBlockBytes);
  }
}

describe('decoder, whatever arrives', () => {
  it('gives back what was encoded, however it is cut', () => {
    fc.assert(
      fc.property(messages, cuts, (said, where) => {
        const bytes = bytesOf(said);
        expect(eventsOf(bytes, where).slice(1)).toEqual(owed(said));
        expect(everyByte(bytes).slice(1)).toEqual(owed(said));
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same bounded events for damaged bytes, however they are cut, and never throws', () => {
    fc.assert(
      fc.property(messages, fc.array(mutation, { minLength: 1, maxLength: 6 }), cuts, (said, mutations, where) => {
        const bytes = mutate(bytesOf(said), mutations);
        const whole = eventsOf(bytes);
        expectBounded(whole, bytes);
        expect(eventsOf(bytes, where)).toEqual(whole);
        expect(everyByte(bytes)).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same bounded events for noise behind a handshake, and never throws', () => {
    // Small numbers are likelier to be lengths and ids than noise is.
    const noise = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 255 }), fc.constant(0)), { maxLength: 400 });
    fc.assert(
      fc.property(noise, cuts, fc.boolean(), (values, where, greeted) => {
        const bytes = Buffer.concat([greeted ? HANDSHAKE : Buffer.alloc(0), Buffer.from(values)]);
        const whole = eventsOf(bytes);
        expectBounded(whole, bytes);
        expect(eventsOf(bytes, where)).toEqual(whole);
        expect(everyByte(bytes)).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('answers a flood of the smallest messages with one event each', () => {
    const flood = Buffer.concat([
      HANDSHAKE,
      ...Array.from({ length: 10_000 }, () => encodeMessage({ type: 'keepAlive' })),
    ]);
    expect(createDecoder(LIMITS).push(flood).length).toBe(10_001);
  });
});
