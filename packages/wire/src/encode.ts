/*
 * Turns messages into bytes. A value that does not fit its field is a programmer's error and throws.
 * Block payload is not handled here: the caller sends it after `encodePieceHeader`.
 */
import {
  type BlockAddress,
  EXTENSION_FLAG,
  FAST_FLAG,
  HANDSHAKE_BYTES,
  MESSAGE_ID,
  PIECE_HEADER_BYTES,
  PROTOCOL_PREFIX,
  type WireMessage,
} from './messages.ts';

/** Both ids are 40 hex digits. Announces BEP 10 and BEP 6. */
export function encodeHandshake(ids: { infoHash: string; peerId: string }): Buffer {
  const bytes = Buffer.alloc(HANDSHAKE_BYTES);
  PROTOCOL_PREFIX.copy(bytes);
  const reserved = PROTOCOL_PREFIX.length;
  bytes[reserved + EXTENSION_FLAG.index] = EXTENSION_FLAG.mask;
  bytes[reserved + FAST_FLAG.index] = FAST_FLAG.mask;
  idBytes(ids.infoHash).copy(bytes, 28);
  idBytes(ids.peerId).copy(bytes, 48);
  return bytes;
}

export function encodeMessage(message: WireMessage): Buffer {
  switch (message.type) {
    case 'keepAlive':
      return Buffer.alloc(4);
    case 'have':
    case 'suggest':
    case 'allowedFast':
      return frame(MESSAGE_ID[message.type], [message.piece]);
    case 'request':
    case 'cancel':
    case 'reject':
      return frame(MESSAGE_ID[message.type], [message.piece, message.offset, message.length]);
    case 'bitfield':
      return frameBytes(MESSAGE_ID.bitfield, message.bits);
    case 'extended':
      return frameBytes(MESSAGE_ID.extended, Buffer.concat([Buffer.of(message.id), message.payload]));
    case 'port':
      // BEP 5's UDP port: Shoal has no DHT, so the field says nothing.
      return frameBytes(MESSAGE_ID.port, Buffer.alloc(2));
    default:
      return frame(MESSAGE_ID[message.type], []);
  }
}

/** The 13 bytes before a block of `length` bytes. */
export function encodePieceHeader(block: BlockAddress): Buffer {
  const bytes = Buffer.allocUnsafe(PIECE_HEADER_BYTES);
  bytes.writeUInt32BE(PIECE_HEADER_BYTES - 4 + block.length, 0);
  bytes[4] = MESSAGE_ID.piece;
  bytes.writeUInt32BE(block.piece, 5);
  bytes.writeUInt32BE(block.offset, 9);
  return bytes;
}

function frame(id: number, fields: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(5 + 4 * fields.length);
  bytes.writeUInt32BE(bytes.length - 4, 0);
  bytes[4] = id;
  fields.forEach((field, index) => {
    bytes.writeUInt32BE(field, 5 + 4 * index);
  });
  return bytes;
}

function frameBytes(id: number, payload: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(5);
  head.writeUInt32BE(1 + payload.length, 0);
  head[4] = id;
  return Buffer.concat([head, payload]);
}

function idBytes(hex: string): Buffer {
  if (!/^[0-9a-f]{40}$/i.test(hex)) throw new TypeError(`expected an id of 40 hex digits, got '${hex.slice(0, 60)}'`);
  return Buffer.from(hex, 'hex');
}
