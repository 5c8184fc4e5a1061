/** Identities, tickets and both ends of a connection for tests of peers. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  createDecoder,
  exportRawPublicKey,
  peerIdOfKey,
  signTicket,
  type TicketClaims,
  type WireEvent,
} from '@shoal/wire';
import type { Identity } from '../identity.ts';
import {
  Admission,
  type AdmissionOptions,
  type AdmittedPeer,
  type RefusalReason,
  type SwarmCredentials,
} from './admission.ts';

export const SWARM = 'ab'.repeat(20);
const TRACKER = generateKeyPairSync('ed25519');
export const TRACKER_KEY: KeyObject = TRACKER.publicKey;

export function newIdentity(): Identity {
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicKeyRaw = exportRawPublicKey(privateKey);
  return { peerId: peerIdOfKey(publicKeyRaw), privateKey, publicKeyRaw };
}

/** A ticket of the tracker; `signedBy` makes one of somebody else. */
export function ticketFor(
  { peerId, publicKeyRaw }: Identity,
  { signedBy = TRACKER.privateKey, ...claims }: Partial<TicketClaims> & { signedBy?: KeyObject } = {},
): string {
  const own = { agent: peerId, key: publicKeyRaw.toString('base64url'), swarm: SWARM, role: 'leecher' as const };
  return signTicket({ ...own, expiresAtSeconds: Date.now() / 1000 + 3600, ...claims }, signedBy);
}

export interface SideOptions extends Partial<Pick<AdmissionOptions, 'expectedPeerId' | 'nowSeconds'>> {
  identity?: Identity;
  ticket?: string;
  swarmId?: string;
  blockBytes?: number;
}

/** One side of an admission, fed with bytes. */
export interface Side {
  identity: Identity;
  credentials: SwarmCredentials;
  /** All that was sent, in order. */
  sent: Buffer[];
  admitted?: AdmittedPeer;
  refused?: RefusalReason;
  open(): Buffer[];
  receive(bytes: Uint8Array): Buffer[];
}

export function sideOf(direction: 'out' | 'in', options: SideOptions = {}): Side {
  const { identity = newIdentity(), swarmId = SWARM, blockBytes = 128 * 1024, expectedPeerId } = options;
  const ticket = options.ticket ?? ticketFor(identity);
  const credentials = { swarmId, blockBytes, ticket: () => ticket, trackerKey: () => TRACKER_KEY };
  const admission = new Admission({
    direction,
    identity,
    version: '1.2.3',
    expectedPeerId,
    nowSeconds: options.nowSeconds ?? (() => Date.now() / 1000),
    findSwarm: (asked) => (asked === swarmId ? credentials : undefined),
  });
  const decoder = createDecoder({ maxBlockBytes: 4 * 1024 * 1024, maxMessageBytes: 64 * 1024 });
  const side: Side = {
    identity,
    credentials,
    sent: [],
    open: () => keep(side, [admission.open(credentials)]),
    receive: (bytes) =>
      keep(
        side,
        decoder.push(bytes).flatMap((event) => take(side, admission, event)),
      ),
  };
  return side;
}

function take(side: Side, admission: Admission, event: WireEvent): Buffer[] {
  if (side.admitted !== undefined || side.refused !== undefined) return [];
  const { send, admitted, refused } = admission.handle(event);
  Object.assign(side, { ...(admitted && { admitted }), ...(refused && { refused }) });
  return send;
}

function keep(side: Side, bytes: Buffer[]): Buffer[] {
  side.sent.push(...bytes);
  return bytes;
}

/** Carries bytes between both until both are silent or one refuses. */
export function converse(dialler: Side, listener: Side): void {
  let toListener = dialler.open();
  let toDialler: Buffer[] = [];
  while (
    (toListener.length > 0 || toDialler.length > 0) &&
    dialler.refused === undefined &&
    listener.refused === undefined
  ) {
    toDialler = toListener.flatMap((bytes) => listener.receive(bytes));
    toListener = toDialler.flatMap((bytes) => dialler.receive(bytes));
    toDialler = [];
  }
}
