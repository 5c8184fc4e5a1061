/*
 * The challenge and response between two peers: each signs the other's nonce with the key its ticket names.
 * Decides what is signed; when it is asked for is the connection's matter.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { NONCE_BYTES } from './extended-handshake.ts';

export interface ProofFields {
  /** Swarm id and peer ids: 40 hex digits. */
  swarm: string;
  proverPeerId: string;
  verifierPeerId: string;
  /** 32 bytes each: the one this side chose and the one the other side chose. */
  proverNonce: Uint8Array;
  verifierNonce: Uint8Array;
}

export const PROOF_BYTES = 64;
const DOMAIN = Buffer.from('shoal-peer-proof-v1\0', 'latin1');

/**
 * Domain, then fields of fixed length, so that no two sets of fields give the same bytes. Both peer ids and their order
 * are in it: a proof cannot be sent back to its maker, nor passed on to a third peer.
 */
export function proofPayload(fields: ProofFields): Buffer {
  const { swarm, proverPeerId, verifierPeerId, proverNonce, verifierNonce } = fields;
  return Buffer.concat([
    DOMAIN,
    idBytes(swarm),
    idBytes(proverPeerId),
    idBytes(verifierPeerId),
    nonceBytes(proverNonce),
    nonceBytes(verifierNonce),
  ]);
}

/** 64 bytes: the payload of the `shoal_auth` message. */
export function signProof(fields: ProofFields, proverPrivateKey: KeyObject): Buffer {
  return sign(null, proofPayload(fields), proverPrivateKey);
}

export function verifyProof(fields: ProofFields, proverPublicKey: KeyObject, signature: Uint8Array): boolean {
  return signature.length === PROOF_BYTES && verify(null, proofPayload(fields), proverPublicKey, signature);
}

function idBytes(hex: string): Buffer {
  if (!/^[0-9a-f]{40}$/.test(hex)) throw new TypeError('expected an id of 40 lower-case hex digits');
  return Buffer.from(hex, 'hex');
}

function nonceBytes(nonce: Uint8Array): Uint8Array {
  if (nonce.length !== NONCE_BYTES) throw new TypeError(`expected a nonce of 32 bytes, got ${nonce.length}`);
  return nonce;
}
