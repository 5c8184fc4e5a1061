import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ProofFields, proofPayload, signProof, verifyProof } from './proof.ts';

const prover = generateKeyPairSync('ed25519');
const fields: ProofFields = {
  swarm: '1'.repeat(40),
  proverPeerId: '2'.repeat(40),
  verifierPeerId: '3'.repeat(40),
  proverNonce: new Uint8Array(32).fill(4),
  verifierNonce: new Uint8Array(32).fill(5),
};

describe('proof', () => {
  it('is 64 bytes and holds for the fields it was made over', () => {
    const proof = signProof(fields, prover.privateKey);
    expect(proof.length).toBe(64);
    expect(verifyProof(fields, prover.publicKey, proof)).toBe(true);
  });

  it.each<[string, Partial<ProofFields>]>([
    ['another swarm', { swarm: '9'.repeat(40) }],
    ['another prover', { proverPeerId: '9'.repeat(40) }],
    ['another verifier', { verifierPeerId: '9'.repeat(40) }],
    ['another nonce of the prover', { proverNonce: new Uint8Array(32).fill(9) }],
    ['another nonce of the verifier', { verifierNonce: new Uint8Array(32).fill(9) }],
  ])('does not hold for %s', (_what, change) => {
    const proof = signProof(fields, prover.privateKey);
    expect(verifyProof({ ...fields, ...change }, prover.publicKey, proof)).toBe(false);
  });

  it('cannot be sent back to the peer that made it', () => {
    const mirrored: ProofFields = {
      swarm: fields.swarm,
      proverPeerId: fields.verifierPeerId,
      verifierPeerId: fields.proverPeerId,
      proverNonce: fields.verifierNonce,
      verifierNonce: fields.proverNonce,
    };
    expect(verifyProof(mirrored, prover.publicKey, signProof(fields, prover.privateKey))).toBe(false);
  });

  it('does not hold under another key or with another length', () => {
    const proof = signProof(fields, prover.privateKey);
    expect(verifyProof(fields, generateKeyPairSync('ed25519').publicKey, proof)).toBe(false);
    expect(verifyProof(fields, prover.publicKey, proof.subarray(1))).toBe(false);
    expect(verifyProof(fields, prover.publicKey, new Uint8Array(0))).toBe(false);
  });

  it('signs fields of fixed length behind its domain', () => {
    expect(proofPayload(fields).length).toBe('shoal-peer-proof-v1\0'.length + 3 * 20 + 2 * 32);
    expect(() => proofPayload({ ...fields, proverNonce: new Uint8Array(31) })).toThrow(TypeError);
    expect(() => proofPayload({ ...fields, swarm: 'x' })).toThrow(TypeError);
  });
});
