/**
 * Effects of the state machine as wire messages, in what the remote understands, and messages of the remote as events.
 * Decides nothing else.
 */
import { PieceSet, type SwarmEffect, type SwarmEvent } from '@shoal/swarm';
import { isValidBitfield, type WireEvent, type WireMessage } from '@shoal/wire';
import type { PeerConnection } from '../peer/peer-connection.ts';
import { hashAsk } from './extended-messages.ts';

export type LinkEffect = Extract<SwarmEffect, { link: number }>;

export function messagesOf(
  effect: Exclude<LinkEffect, { type: 'serve' | 'close' | 'tellHashes' }>,
  connection: PeerConnection,
): WireMessage[] {
  const { peer } = connection;
  if (effect.type === 'askHashes') return hashAsk(connection, effect.first);
  if (effect.type === 'announce') return [{ type: 'have', piece: effect.piece }];
  const knowsFast = peer?.foreign === undefined || peer.foreign.fast;
  if (effect.type === 'announceSet') return setMessages(effect.pieces, knowsFast);
  const { type, piece, offset, length } = effect;
  return type === 'reject' && !knowsFast ? [] : [{ type, piece, offset, length }];
}

/** Without BEP 6 an empty set is said by saying nothing. */
function setMessages(pieces: PieceSet, knowsFast: boolean): WireMessage[] {
  if (pieces.count === 0) return knowsFast ? [{ type: 'haveNone' }] : [];
  return pieces.complete && knowsFast ? [{ type: 'haveAll' }] : [{ type: 'bitfield', bits: pieces.bits }];
}

/** Undefined: the message says nothing about pieces. It may have closed the connection. */
export function swarmEventOf(connection: PeerConnection, event: WireEvent, pieceCount: number): SwarmEvent | undefined {
  const link = connection.id;
  switch (event.type) {
    case 'have':
      return { type: 'peerHas', link, piece: event.piece };
    case 'bitfield':
      if (isValidBitfield(event.bits, pieceCount))
        return { type: 'peerHolds', link, pieces: new PieceSet(pieceCount, event.bits) };
      connection.close('bad bitfield');
      return undefined;
    case 'haveAll': {
      const pieces = new PieceSet(pieceCount);
      pieces.addAll();
      return { type: 'peerHolds', link, pieces };
    }
    case 'request':
      if (event.length <= agreedBytes(connection)) return { ...event, type: 'blockRequested', link };
      connection.close('request longer than agreed');
      return undefined;
    case 'reject':
      return { ...event, type: 'blockRejected', link };
    case 'choke':
    case 'unchoke':
      return { type: 'choked', link, choked: event.type === 'choke' };
    default:
      return undefined; // haveNone says nothing new, and hints are not used
  }
}

function agreedBytes({ peer }: PeerConnection): number {
  return peer?.blockBytes ?? 0;
}
