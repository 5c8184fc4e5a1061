/*
 * Decides, from a message's id and length alone, whether its body may be read and how. Every length is capped here,
 * before a byte of the body is stored. Holds no state.
 */
import { bitfieldBytes } from './bitfield.ts';
import { type BlockType, MESSAGE_ID, type PieceType, type PlainType, type ViolationReason } from './messages.ts';

export interface DecoderLimits {
  /** Pieces of the blob; unknown: indexes and bitfields are not checked against it. */
  pieceCount?: number | undefined;
  /** Largest block, in a request or as payload. */
  maxBlockBytes: number;
  /** Largest bitfield or extended message: the only bodies that are ever stored. */
  maxMessageBytes: number;
}

export interface PeerFeatures {
  extensions: boolean;
  fast: boolean;
}

/** How the body that follows is to be read. */
export type Body =
  | { kind: 'none'; type: PlainType }
  | { kind: 'piece'; type: PieceType; bytes: 4 }
  | { kind: 'block'; type: BlockType; bytes: 12 }
  | { kind: 'port'; bytes: 2 }
  | { kind: 'payload'; type: 'bitfield' | 'extended'; bytes: number }
  | { kind: 'blockPayload'; bytes: 8; length: number };

export type Verdict = Body | { kind: 'violation'; reason: ViolationReason };

const PLAIN: ReadonlyMap<number, PlainType> = new Map([
  [MESSAGE_ID.choke, 'choke'],
  [MESSAGE_ID.unchoke, 'unchoke'],
  [MESSAGE_ID.interested, 'interested'],
  [MESSAGE_ID.notInterested, 'notInterested'],
  [MESSAGE_ID.haveAll, 'haveAll'],
  [MESSAGE_ID.haveNone, 'haveNone'],
]);
const PIECE: ReadonlyMap<number, PieceType> = new Map([
  [MESSAGE_ID.have, 'have'],
  [MESSAGE_ID.suggest, 'suggest'],
  [MESSAGE_ID.allowedFast, 'allowedFast'],
]);
const BLOCK: ReadonlyMap<number, BlockType> = new Map([
  [MESSAGE_ID.request, 'request'],
  [MESSAGE_ID.cancel, 'cancel'],
  [MESSAGE_ID.reject, 'reject'],
]);

/** `length` counts the id byte, as on the wire. */
export function judgeFrame(
  frame: { id: number; length: number },
  limits: DecoderLimits,
  features: PeerFeatures,
): Verdict {
  const { id, length } = frame;
  // BEP 6: a fast message without both sides' bit closes the connection; ours is always set.
  if (id >= MESSAGE_ID.suggest && id <= MESSAGE_ID.allowedFast && !features.fast) {
    return violation('fast extension not announced');
  }
  const plain = PLAIN.get(id);
  if (plain) return exact({ kind: 'none', type: plain }, length, 1);
  const piece = PIECE.get(id);
  if (piece) return exact({ kind: 'piece', type: piece, bytes: 4 }, length, 5);
  const block = BLOCK.get(id);
  if (block) return exact({ kind: 'block', type: block, bytes: 12 }, length, 13);
  if (id === MESSAGE_ID.piece) return judgeBlock(length, limits);
  if (id === MESSAGE_ID.bitfield) return judgeBitfield(length, limits);
  if (id === MESSAGE_ID.extended) return judgeExtended(length, limits, features);
  if (id === MESSAGE_ID.port) return exact({ kind: 'port', bytes: 2 }, length, 3);
  return violation('unknown message');
}

function judgeBlock(length: number, limits: DecoderLimits): Verdict {
  if (length < 9) return violation('wrong message length');
  if (length === 9) return violation('empty block');
  if (length - 9 > limits.maxBlockBytes) return violation('block too long');
  return { kind: 'blockPayload', bytes: 8, length: length - 9 };
}

function judgeBitfield(length: number, limits: DecoderLimits): Verdict {
  const bytes = length - 1;
  if (bytes > limits.maxMessageBytes) return violation('message too long');
  if (limits.pieceCount !== undefined && bytes !== bitfieldBytes(limits.pieceCount)) return violation('bad bitfield');
  if (bytes === 0) return violation('wrong message length');
  return { kind: 'payload', type: 'bitfield', bytes };
}

function judgeExtended(length: number, limits: DecoderLimits, features: PeerFeatures): Verdict {
  if (!features.extensions) return violation('extensions not announced');
  if (length < 2) return violation('wrong message length');
  if (length - 2 > limits.maxMessageBytes) return violation('message too long');
  return { kind: 'payload', type: 'extended', bytes: length - 1 };
}

function exact(body: Body, length: number, expected: number): Verdict {
  return length === expected ? body : violation('wrong message length');
}

function violation(reason: ViolationReason): Verdict {
  return { kind: 'violation', reason };
}
