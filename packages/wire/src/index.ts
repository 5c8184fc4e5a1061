/* @shoal/wire: what peers say to each other, as bytes and back. */
export {
  type Announce,
  type AnnounceAnswer,
  type AnnouncedPeer,
  type AnnounceEvent,
  type AnnounceResult,
  encodeAnnounceAnswer,
  encodeAnnounceFailure,
  MAX_ANNOUNCE_QUERY_CHARS,
  parseAnnounce,
} from './announce.ts';
export { bitfieldBytes, hasPiece, isValidBitfield, packBitfield } from './bitfield.ts';
export { createDecoder, type Decoder, type DecoderOptions } from './decode.ts';
export { encodeHandshake, encodeMessage, encodePieceHeader } from './encode.ts';
export {
  decodeExtendedHandshake,
  EXTENDED_HANDSHAKE_ID,
  type ExtendedHandshake,
  type ExtendedHandshakeResult,
  encodeExtendedHandshake,
  MAX_BLOCK_BYTES,
  MIN_BLOCK_BYTES,
  NONCE_BYTES,
  SHOAL_AUTH,
  SHOAL_AUTH_ID,
  SHOAL_PROTOCOL,
  type ShoalHandshake,
} from './extended-handshake.ts';
export type { DecoderLimits } from './frame-rules.ts';
export {
  decodeHashes,
  encodeHashAsk,
  encodeHashRuns,
  HASH_BYTES,
  type HashesMessage,
  type HashRun,
  MAX_RUN_HASHES,
  MAX_RUNS,
  SHOAL_HASHES,
  SHOAL_HASHES_ID,
  seederKeyOf,
  signHashRun,
  verifyHashRun,
} from './hash-runs.ts';
export { exportRawPublicKey, importRawPublicKey, peerIdOfKey, swarmIdOf } from './keys.ts';
export {
  type BlockAddress,
  HANDSHAKE_BYTES,
  type HandshakeEvent,
  PIECE_HEADER_BYTES,
  VIOLATION_REASONS,
  type ViolationReason,
  type WireEvent,
  type WireMessage,
} from './messages.ts';
export { PROOF_BYTES, type ProofFields, proofPayload, signProof, verifyProof } from './proof.ts';
export {
  signTicket,
  type TicketClaims,
  type TicketFault,
  type TicketRole,
  type TicketVerdict,
  verifyTicket,
} from './tickets.ts';
export { encodeTorrent, SHA1_BYTES, type Torrent, type TorrentFields, torrentSaltOf } from './torrent.ts';
export {
  decodeClass,
  encodeClass,
  SHOAL_CLASS,
  SHOAL_CLASS_ID,
  TRAFFIC_CLASSES,
  type TrafficClass,
} from './traffic-class.ts';
