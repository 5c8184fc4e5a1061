import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { exportRawPublicKey, peerIdOfKey } from './keys.ts';
import { signTicket, type TicketClaims, verifyTicket } from './tickets.ts';

const tracker = generateKeyPairSync('ed25519');
const agentKey = exportRawPublicKey(generateKeyPairSync('ed25519').publicKey);
const swarm = 'a'.repeat(40);
const claims: TicketClaims = {
  agent: peerIdOfKey(agentKey),
  key: agentKey.toString('base64url'),
  swarm,
  role: 'leecher',
  expiresAtSeconds: 1000,
};

function judge(ticket: string, expected = { swarm, nowSeconds: 999 }) {
  const verdict = verifyTicket(ticket, tracker.publicKey, expected);
  return verdict.ok ? 'ok' : verdict.reason;
}

/** A ticket with any body, properly signed: what a faulty tracker could make. */
function signedBody(body: string): string {
  const encoded = Buffer.from(body).toString('base64url');
  const signature = sign(null, Buffer.from(`shoal-ticket-v1.${encoded}`), tracker.privateKey);
  return `${encoded}.${signature.toString('base64url')}`;
}

describe('ticket', () => {
  it('holds for its swarm until it expires', () => {
    const ticket = signTicket(claims, tracker.privateKey);
    expect(verifyTicket(ticket, tracker.publicKey, { swarm, nowSeconds: 999 })).toEqual({ ok: true, claims });
    expect(judge(ticket, { swarm, nowSeconds: 1000 })).toBe('expired');
    expect(judge(ticket, { swarm: 'b'.repeat(40), nowSeconds: 0 })).toBe('other swarm');
  });

  it('fails when any character of it is changed', () => {
    const ticket = signTicket(claims, tracker.privateKey);
    // The last character holds four bits that decode to nothing.
    for (let index = 0; index < ticket.length - 1; index++) {
      const other = ticket[index] === 'A' ? 'B' : 'A';
      expect(judge(ticket.slice(0, index) + other + ticket.slice(index + 1))).not.toBe('ok');
    }
  });

  it('fails when another tracker signed it', () => {
    expect(judge(signTicket(claims, generateKeyPairSync('ed25519').privateKey))).toBe('bad signature');
  });

  it('fails when the key is not the one the peer id is made of', () => {
    const other = exportRawPublicKey(generateKeyPairSync('ed25519').publicKey).toString('base64url');
    expect(judge(signTicket({ ...claims, key: other }, tracker.privateKey))).toBe('key of another agent');
  });

  it.each(['', '.', 'a.b', 'x'.repeat(5000), `${'é'.repeat(20)}.${'A'.repeat(86)}`])('refuses %j unread', (ticket) => {
    expect(judge(ticket)).toBe('malformed ticket');
  });

  it.each([
    '',
    'null',
    '[]',
    '"x"',
    '{',
    '{}',
    JSON.stringify({ ...claims, role: 'owner' }),
    JSON.stringify({ ...claims, agent: claims.agent.toUpperCase() }),
    JSON.stringify({ ...claims, key: 'AAAA' }),
    JSON.stringify({ ...claims, swarm: 1 }),
    JSON.stringify({ ...claims, expiresAtSeconds: '9999' }),
  ])('refuses the signed body %s', (body) => {
    expect(judge(signedBody(body))).toBe('malformed ticket');
  });
});
