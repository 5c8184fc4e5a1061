/**
 * What the swarm state machine is told and what it orders: one union each way. Bytes never enter;
 * the shell stores a block and reports it, the core names a block and the shell sends it.
 */
import type { PieceSet } from './piece-set.ts';

export type PeerId = string;
/** One connection, numbered by the shell. A pair that feeds each other has two. */
export type LinkId = number;

export interface Block {
  piece: number;
  /** Offset in the piece, bytes. */
  offset: number;
  length: number;
}

export interface LinkInfo {
  link: LinkId;
  peer: PeerId;
  /** We may ask this peer for blocks here (we dialled, or the peer is a foreign client). */
  canRequest: boolean;
  /** The peer may ask us here. */
  canServe: boolean;
  /** The remote seeds: it wants to know what we hold, to send each piece once. */
  remoteIsSeeder: boolean;
  /** The peer stands behind another uplink: one side asks the other only for pieces that it has a lease of. */
  remote?: boolean;
  /** Largest block both sides take, bytes. */
  blockBytes: number;
  /** Asked ahead before the link's rate is known, bytes; default: two blocks. */
  firstBytes?: number;
  /** A foreign client answers requests only after its unchoke; agents never choke. */
  choked: boolean;
  /** Requests a foreign client keeps waiting: those beyond it may be dropped without a word. Agents keep what is asked. */
  maxRequests?: number;
  /** The remote knows the messages that carry piece hashes from peer to peer. */
  tellsHashes?: boolean;
}

/** Bytes that may be asked for in one call; unused ones are the shell's again. */
export interface Budget {
  bytes: number;
  /** Of them, from behind the zone's uplink; default: all. */
  remoteBytes?: number;
  /** Under a low cap blocks are small: of pieces that are begun from now on. */
  blockBytes?: number;
  /** Of those that are begun at a peer in another zone; default: as the others. */
  remoteBlockBytes?: number;
  /** How much of a link's rate is asked ahead, ms: little where the rate may have to fall at once. */
  aheadMs?: number | undefined;
}

export type SwarmEvent =
  /** The hashes of pieces below `count` are known: these may be asked for. `from`: default is the tracker. */
  | { type: 'hashesKnown'; count: number; from?: 'tracker' | 'elsewhere' }
  /** A peer asks for hashes from this piece on. */
  | { type: 'hashesAsked'; link: LinkId; first: number }
  /** A peer told runs of hashes that a seeder has signed, and the signatures hold; `known` of all are known now. */
  | { type: 'hashesTold'; link: LinkId; runs: readonly { first: number; count: number }[]; known: number }
  /** A peer told hashes that no seeder has signed. */
  | { type: 'hashesForged'; link: LinkId }
  | { type: 'neighbours'; peers: PeerId[] }
  | { type: 'dialFailed'; peer: PeerId }
  | ({ type: 'connected' } & LinkInfo)
  | { type: 'disconnected'; link: LinkId }
  | { type: 'choked'; link: LinkId; choked: boolean }
  | { type: 'maxRequests'; link: LinkId; count: number }
  | { type: 'peerHas'; link: LinkId; piece: number }
  | { type: 'peerHolds'; link: LinkId; pieces: PieceSet }
  | ({ type: 'blockReceived'; link: LinkId } & Block)
  | ({ type: 'blockRejected'; link: LinkId } & Block)
  | { type: 'pieceVerified'; piece: number; ok: boolean }
  /** The disk failed, not the peer: the piece is open again and nobody is blamed. */
  | { type: 'pieceLost'; piece: number }
  | ({ type: 'blockRequested'; link: LinkId } & Block)
  /** The tracker's answer to `askLeases`: `refused` pieces come into the zone through another host. */
  | { type: 'leases'; granted: number[]; refused: number[] }
  | ({ type: 'budget' } & Budget)
  // The blob is read in order while it comes: the next missing piece of each reader.
  | { type: 'reading'; pieces: readonly number[] }
  | { type: 'wake' };

export type CloseReason =
  | 'complete'
  | 'bad piece'
  | 'forged hashes'
  | 'blocked'
  | 'request out of range'
  | 'not a downloader'
  | 'piece out of range'
  | 'silent';

export type SwarmEffect =
  | { type: 'dial'; peer: PeerId }
  | ({ type: 'request'; link: LinkId } & Block)
  | ({ type: 'cancel'; link: LinkId } & Block)
  /** `remote`: the peer fetches the piece for its whole zone. */
  | ({ type: 'serve'; link: LinkId; remote?: boolean } & Block)
  | ({ type: 'reject'; link: LinkId } & Block)
  /** The whole set at the start of a link: bitfield, have all or have none. */
  | { type: 'announceSet'; link: LinkId; pieces: PieceSet }
  | { type: 'announce'; link: LinkId; piece: number }
  /** All blocks are there: hash, write, then report `pieceVerified`. */
  | { type: 'verify'; piece: number }
  /** May these pieces be fetched over the uplink of our zone? `shown` are those a seeder shows to nobody else. Answered by `leases`; asking again renews. */
  | { type: 'askLeases'; pieces: number[]; shown: number[] }
  /** The tracker does not send them: the hashes from this piece on, of a peer. Answered by `hashesTold`. */
  | { type: 'askHashes'; link: LinkId; first: number }
  /** The hashes from this piece on, as a seeder signed them. */
  | { type: 'tellHashes'; link: LinkId; first: number }
  /** These neighbours are blocked: the tracker names others instead of them. */
  | { type: 'replace'; peers: PeerId[] }
  /** Of the budget, for a request that was turned away. */
  | { type: 'refund'; bytes: number; remote: boolean }
  | { type: 'close'; link: LinkId; reason: CloseReason }
  | { type: 'complete' };
