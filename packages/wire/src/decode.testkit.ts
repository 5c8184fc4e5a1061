/*
 * What the decoder's tests share: feeding bytes cut anywhere, and event lists that do not depend on the cuts.
 */
import { createDecoder, type DecoderOptions } from './decode.ts';
import { encodeHandshake, encodeMessage, encodePieceHeader } from './encode.ts';
import type { WireEvent, WireMessage } from './messages.ts';

export const INFO_HASH = '0123456789abcdef0123456789abcdef01234567';
export const PEER_ID = 'fedcba9876543210fedcba9876543210fedcba98';
export const HANDSHAKE = encodeHandshake({ infoHash: INFO_HASH, peerId: PEER_ID });
export const LIMITS = { pieceCount: 21, maxBlockBytes: 512, maxMessageBytes: 300 };

export type Said = WireMessage | { type: 'piece'; piece: number; offset: number; block: Uint8Array };

export function bytesOf(messages: Said[]): Buffer {
  return Buffer.concat([HANDSHAKE, ...messages.map(encodeSaid)]);
}

function encodeSaid(message: Said): Buffer {
  if (message.type !== 'piece') return encodeMessage(message);
  const { piece, offset, block } = message;
  return Buffer.concat([encodePieceHeader({ piece, offset, length: block.length }), block]);
}

/** Events of `bytes` cut at the given positions, block data joined. */
export function eventsOf(bytes: Uint8Array, cuts: number[] = [], options: DecoderOptions = LIMITS): WireEvent[] {
  const decoder = createDecoder(options);
  const edges = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  let start = 0;
  const events: WireEvent[] = [];
  for (const edge of edges) {
    events.push(...decoder.push(bytes.subarray(start, edge)));
    start = edge;
  }
  return joinBlocks(events);
}

/** One `blockData` a run, so that lists from different cuts compare equal. */
export function joinBlocks(events: WireEvent[]): WireEvent[] {
  const joined: WireEvent[] = [];
  for (const event of events) {
    const before = joined.at(-1);
    if (event.type === 'blockData' && before?.type === 'blockData' && before.at + before.bytes.length === event.at) {
      joined[joined.length - 1] = { ...event, at: before.at, bytes: Buffer.concat([before.bytes, event.bytes]) };
    } else {
      joined.push(event.type === 'blockData' ? { ...event, bytes: Buffer.from(event.bytes) } : event);
    }
  }
  return joined;
}

/** The events a decoder owes for these messages, after the handshake. */
export function owed(messages: Said[]): WireEvent[] {
  return messages.flatMap((message): WireEvent[] => {
    if (message.type !== 'piece') return [message];
    const { piece, offset, block } = message;
    return [
      { type: 'blockStart', piece, offset, length: block.length },
      { type: 'blockData', bytes: Buffer.from(block), at: 0, last: true },
    ];
  });
}
