/**
 * Judges a session's first message: is it the key's owner who speaks, and in a protocol we know? Pure.
 */
import { verify } from 'node:crypto';
import { importRawPublicKey, peerIdOfKey } from '@shoal/wire';
import { type Hello, SESSION_PROTOCOL, SESSION_SIGNATURE_DOMAIN } from '../client/session-messages.ts';
import { TrackerError } from '../errors.ts';

/** Returns the peer id that the hello proves. Throws TrackerError BAD_PROTOCOL, BAD_SIGNATURE. */
export function verifyHello(hello: Hello, nonce: Uint8Array): string {
  if (hello.protocol !== SESSION_PROTOCOL) {
    throw new TrackerError('BAD_PROTOCOL', `the agent speaks ${hello.protocol}, the tracker ${SESSION_PROTOCOL}`);
  }
  const rawKey = Buffer.from(hello.publicKey, 'base64url');
  const payload = Buffer.concat([Buffer.from(SESSION_SIGNATURE_DOMAIN), nonce]);
  if (!isSigned(rawKey, payload, Buffer.from(hello.signature, 'base64url'))) throw new TrackerError('BAD_SIGNATURE');
  return peerIdOfKey(rawKey);
}

function isSigned(rawKey: Buffer, payload: Buffer, signature: Buffer): boolean {
  try {
    return verify(null, payload, importRawPublicKey(rawKey), signature);
  } catch {
    return false; // not a key at all
  }
}

/** An IPv4 address as a dual-stack socket shows it is written as IPv4. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
