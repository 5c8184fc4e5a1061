/*
 * Names what travels on a peer connection: messages, decoder events and the closed list of violations.
 * Decides the message ids (BEP 3, 6 and 10); knows nothing of bytes, peers or swarms.
 */

/** BEP 3 (0–9), BEP 6 (13–17), BEP 10 (20). */
export const MESSAGE_ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17,
  extended: 20,
} as const;

export type PlainType = 'choke' | 'unchoke' | 'interested' | 'notInterested' | 'haveAll' | 'haveNone';
export type PieceType = 'have' | 'suggest' | 'allowedFast';
export type BlockType = 'request' | 'cancel' | 'reject';

/** A message, save `piece`: block payload is never one object. */
export type WireMessage =
  | { type: 'keepAlive' | PlainType }
  | { type: PieceType; piece: number }
  | { type: 'bitfield'; bits: Uint8Array }
  | { type: BlockType; piece: number; offset: number; length: number }
  | { type: 'port' }
  | { type: 'extended'; id: number; payload: Uint8Array };

/** Where a block lies: piece index, byte offset inside the piece, length in bytes. */
export interface BlockAddress {
  piece: number;
  offset: number;
  length: number;
}

export interface HandshakeEvent {
  type: 'handshake';
  infoHash: string;
  peerId: string;
  /** The peer announced BEP 10. */
  extensions: boolean;
  /** The peer announced BEP 6. */
  fast: boolean;
}

export type WireEvent =
  | HandshakeEvent
  | WireMessage
  | ({ type: 'blockStart' } & BlockAddress)
  /** `bytes` is a view of the pushed chunk; `at` is its offset inside the block. */
  | { type: 'blockData'; bytes: Uint8Array; at: number; last: boolean }
  | { type: 'violation'; reason: ViolationReason };

/** Why a connection must be closed. */
export const VIOLATION_REASONS = [
  'not BitTorrent',
  'unknown message',
  'wrong message length',
  'message too long',
  'block too long',
  'empty block',
  'piece out of range',
  'bad bitfield',
  'fast extension not announced',
  'extensions not announced',
  'bad extended handshake',
  'bad class',
  'bad hashes',
] as const;

export type ViolationReason = (typeof VIOLATION_REASONS)[number];

/** One byte of length, the name, as BEP 3 opens a connection. */
export const PROTOCOL_PREFIX = Buffer.from('\x13BitTorrent protocol', 'latin1');
export const HANDSHAKE_BYTES = 68;
/** Bytes before a block's payload: length, id, piece, offset. */
export const PIECE_HEADER_BYTES = 13;
/** Reserved bytes of the handshake: index and bit of BEP 10 and BEP 6. */
export const EXTENSION_FLAG = { index: 5, mask: 0x10 } as const;
export const FAST_FLAG = { index: 7, mask: 0x04 } as const;
