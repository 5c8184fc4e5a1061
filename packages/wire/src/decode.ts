/*
 * Turns the bytes of one connection into events, wherever they are cut. Each byte is looked at once; a block's payload
 * is handed on as a view and never stored; stored are at most `maxMessageBytes` of a bitfield or extended message.
 * What a message means for the swarm is not decided here.
 */
import { isValidBitfield } from './bitfield.ts';
import { type Body, type DecoderLimits, judgeFrame, type PeerFeatures } from './frame-rules.ts';
import {
  EXTENSION_FLAG,
  FAST_FLAG,
  HANDSHAKE_BYTES,
  PROTOCOL_PREFIX,
  type ViolationReason,
  type WireEvent,
} from './messages.ts';

export interface DecoderOptions extends Omit<DecoderLimits, 'pieceCount'> {
  /** A number, or a look-up at the handshake for who accepts connections to many swarms; undefined: not checked. */
  pieceCount?: number | ((infoHash: string) => number | undefined) | undefined;
}

export interface Decoder {
  /** After a violation the decoder is dead: this returns nothing more. */
  push(chunk: Uint8Array): WireEvent[];
  /** Counts from the next message on. */
  setLimits(limits: Partial<DecoderLimits>): void;
  /** Payload bytes of the block that is coming in; 0 between blocks. Who reads them elsewhere says so with `passed`. */
  readonly blockRemaining: number;
  /** At most `blockRemaining` payload bytes went past the decoder, straight to where they belong. */
  passed(bytes: number): { at: number; last: boolean };
}

interface State {
  /** What the bytes being collected are; `block` passes bytes on, `dead` ignores them. */
  phase: 'handshake' | 'length' | 'id' | 'body' | 'block' | 'dead';
  /** Where bytes are collected: `scratch`, or a buffer of its own for a stored payload. */
  target: Buffer;
  wanted: number;
  filled: number;
  messageLength: number;
  body: Body | undefined;
  blockLength: number;
  blockAt: number;
  features: PeerFeatures;
  limits: DecoderLimits;
  pieceCountOf: ((infoHash: string) => number | undefined) | undefined;
  readonly scratch: Buffer;
  events: WireEvent[];
}

export function createDecoder(options: DecoderOptions): Decoder {
  const { pieceCount, maxBlockBytes, maxMessageBytes } = options;
  const scratch = Buffer.alloc(HANDSHAKE_BYTES);
  const state: State = {
    phase: 'handshake',
    target: scratch,
    wanted: HANDSHAKE_BYTES,
    filled: 0,
    messageLength: 0,
    body: undefined,
    blockLength: 0,
    blockAt: 0,
    features: { extensions: false, fast: false },
    limits: { pieceCount: typeof pieceCount === 'number' ? pieceCount : undefined, maxBlockBytes, maxMessageBytes },
    pieceCountOf: typeof pieceCount === 'function' ? pieceCount : undefined,
    scratch,
    events: [],
  };
  return {
    push: (chunk) => push(state, chunk),
    setLimits(limits) {
      state.limits = { ...state.limits, ...limits };
    },
    get blockRemaining() {
      return state.phase === 'block' ? state.blockLength - state.blockAt : 0;
    },
    passed: (bytes) => passed(state, bytes),
  };
}

function push(state: State, chunk: Uint8Array): WireEvent[] {
  state.events = [];
  let position = 0;
  while (position < chunk.length && state.phase !== 'dead') {
    position = state.phase === 'block' ? passBlock(state, chunk, position) : collect(state, chunk, position);
  }
  return state.events;
}

function passBlock(state: State, chunk: Uint8Array, position: number): number {
  const end = Math.min(chunk.length, position + state.blockLength - state.blockAt);
  const { at, last } = passed(state, end - position);
  state.events.push({ type: 'blockData', bytes: chunk.subarray(position, end), at, last });
  return end;
}

function passed(state: State, bytes: number): { at: number; last: boolean } {
  const at = state.blockAt;
  state.blockAt += bytes;
  const last = state.blockAt === state.blockLength;
  if (last) expect(state, 'length', 4);
  return { at, last };
}

function collect(state: State, chunk: Uint8Array, position: number): number {
  const end = Math.min(chunk.length, position + state.wanted - state.filled);
  if (state.target === state.scratch) {
    // At most 68 bytes: a loop beats a view and a copy.
    for (let index = position; index < end; index++) state.scratch[state.filled++] = chunk[index] as number;
  } else {
    state.target.set(chunk.subarray(position, end), state.filled);
    state.filled += end - position;
  }
  if (state.phase === 'handshake' && !startsWithProtocol(state)) fail(state, 'not BitTorrent');
  else if (state.filled === state.wanted) finishPart(state);
  return end;
}

/** Checked as bytes arrive, so that another protocol is refused at its first byte. */
function startsWithProtocol(state: State): boolean {
  const known = Math.min(state.filled, PROTOCOL_PREFIX.length);
  return state.scratch.compare(PROTOCOL_PREFIX, 0, known, 0, known) === 0;
}

function finishPart(state: State): void {
  switch (state.phase) {
    case 'handshake':
      return finishHandshake(state);
    case 'length':
      return finishLength(state);
    case 'id':
      return finishId(state);
    default:
      return finishBody(state);
  }
}

function finishHandshake(state: State): void {
  const { scratch } = state;
  const reserved = scratch.subarray(PROTOCOL_PREFIX.length, 28);
  const extensions = ((reserved[EXTENSION_FLAG.index] ?? 0) & EXTENSION_FLAG.mask) !== 0;
  const fast = ((reserved[FAST_FLAG.index] ?? 0) & FAST_FLAG.mask) !== 0;
  const infoHash = scratch.toString('hex', 28, 48);
  const peerId = scratch.toString('hex', 48, 68);
  state.features = { extensions, fast };
  if (state.pieceCountOf) state.limits = { ...state.limits, pieceCount: state.pieceCountOf(infoHash) };
  state.events.push({ type: 'handshake', infoHash, peerId, extensions, fast });
  expect(state, 'length', 4);
}

function finishLength(state: State): void {
  state.messageLength = state.scratch.readUInt32BE(0);
  if (state.messageLength > 0) return expect(state, 'id', 1);
  state.events.push({ type: 'keepAlive' });
  expect(state, 'length', 4);
}

function finishId(state: State): void {
  const frame = { id: state.scratch[0] as number, length: state.messageLength };
  const verdict = judgeFrame(frame, state.limits, state.features);
  if (verdict.kind === 'violation') return fail(state, verdict.reason);
  if (verdict.kind === 'none') {
    state.events.push({ type: verdict.type });
    return expect(state, 'length', 4);
  }
  state.body = verdict;
  expect(state, 'body', verdict.bytes);
  // Its own memory: the event keeps it after the chunk is gone.
  if (verdict.kind === 'payload') state.target = Buffer.allocUnsafeSlow(verdict.bytes);
}

function finishBody(state: State): void {
  const body = state.body as Body;
  if (body.kind === 'blockPayload') return startBlock(state, body.length);
  const event = body.kind === 'payload' ? payloadEvent(state, body.type) : fieldsEvent(state, body);
  if (event === undefined) return;
  state.events.push(event);
  expect(state, 'length', 4);
}

function fieldsEvent(state: State, body: Body): WireEvent | undefined {
  if (body.kind === 'port') return { type: 'port' };
  const piece = state.scratch.readUInt32BE(0);
  if (!isKnownPiece(state, piece)) return fail(state, 'piece out of range');
  if (body.kind === 'piece') return { type: body.type, piece };
  if (body.kind !== 'block') return undefined;
  const length = state.scratch.readUInt32BE(8);
  if (length === 0) return fail(state, 'empty block');
  if (length > state.limits.maxBlockBytes) return fail(state, 'block too long');
  return { type: body.type, piece, offset: state.scratch.readUInt32BE(4), length };
}

function payloadEvent(state: State, type: 'bitfield' | 'extended'): WireEvent | undefined {
  const bytes = state.target;
  if (type === 'extended') return { type, id: bytes[0] as number, payload: bytes.subarray(1) };
  const { pieceCount } = state.limits;
  if (pieceCount !== undefined && !isValidBitfield(bytes, pieceCount)) return fail(state, 'bad bitfield');
  return { type, bits: bytes };
}

function startBlock(state: State, length: number): void {
  const piece = state.scratch.readUInt32BE(0);
  const offset = state.scratch.readUInt32BE(4);
  if (!isKnownPiece(state, piece)) return fail(state, 'piece out of range');
  state.events.push({ type: 'blockStart', piece, offset, length });
  state.phase = 'block';
  state.blockLength = length;
  state.blockAt = 0;
}

function isKnownPiece(state: State, piece: number): boolean {
  return state.limits.pieceCount === undefined || piece < state.limits.pieceCount;
}

function expect(state: State, phase: State['phase'], bytes: number): void {
  state.phase = phase;
  state.target = state.scratch;
  state.wanted = bytes;
  state.filled = 0;
}

function fail(state: State, reason: ViolationReason): undefined {
  state.phase = 'dead';
  state.target = state.scratch;
  state.events.push({ type: 'violation', reason });
}
