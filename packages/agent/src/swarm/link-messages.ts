/** Effects of the state machine as wire messages, in what the remote understands. Decides nothing else. */
import type { PieceSet, SwarmEffect } from '@shoal/swarm';
import type { WireMessage } from '@shoal/wire';
import type { AdmittedPeer } from '../peer/admission.ts';

export type LinkEffect = Extract<SwarmEffect, { link: number }>;

export function messagesOf(
  effect: Exclude<LinkEffect, { type: 'serve' | 'close' }>,
  peer: AdmittedPeer | undefined,
): WireMessage[] {
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
