/**
 * Admission of a peer: handshake, tickets, challenge and response, before a byte of a blob moves.
 * Bytes-to-decision only; the socket, its timeout and what follows are the connection's.
 */
import { type KeyObject, randomBytes } from 'node:crypto';
import {
  decodeExtendedHandshake,
  EXTENDED_HANDSHAKE_ID,
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMessage,
  type HandshakeEvent,
  importRawPublicKey,
  NONCE_BYTES,
  SHOAL_AUTH,
  SHOAL_AUTH_ID,
  SHOAL_CLASS,
  SHOAL_CLASS_ID,
  SHOAL_HASHES,
  SHOAL_HASHES_ID,
  SHOAL_PROTOCOL,
  type ShoalHandshake,
  signProof,
  type TicketClaims,
  verifyProof,
  verifyTicket,
  type WireEvent,
} from '@shoal/wire';
import type { Identity } from '../identity.ts';

/** What this side brings into one swarm. */
export interface SwarmCredentials {
  swarmId: string;
  /** The latest one: tickets are renewed. */
  ticket(): string;
  trackerKey(): KeyObject;
  /** Largest block this side takes or sends, bytes. */
  blockBytes: number;
}

export interface AdmissionOptions {
  direction: 'out' | 'in';
  identity: Identity;
  version: string;
  /** Dialling: who is expected there. */
  expectedPeerId?: string;
  nowSeconds(): number;
  findSwarm(swarmId: string): SwarmCredentials | undefined;
}

export interface AdmittedPeer {
  peerId: string;
  ticketRole: TicketClaims['role'];
  swarmId: string;
  /** The smaller of both sides' largest block, bytes. */
  blockBytes: number;
  /** The smaller of both sides' newest protocol; there is one so far. */
  protocol: number;
  /** The id under which it wants to be told the class of our requests; absent: it knows none. */
  classId?: number;
  /** The same for asks and answers about piece hashes. */
  hashesId?: number;
  /** A BitTorrent client that is no agent: known by its host and the secret info hash, chokes, takes 16 KiB. */
  foreign?: { fast: boolean };
}

export type RefusalReason =
  | 'unexpected message before admission'
  | 'swarm not known here'
  | 'another peer answered'
  | 'connected to itself'
  | 'no extension protocol'
  | 'not a Shoal agent'
  | 'bad extended handshake'
  | 'ticket: malformed ticket'
  | 'ticket: bad signature'
  | 'ticket: other swarm'
  | 'ticket: expired'
  | 'ticket: key of another agent'
  | 'ticket of another peer'
  | 'bad proof';

export type AdmissionStep = { send: Buffer[]; admitted?: AdmittedPeer; refused?: RefusalReason };

interface Claimed {
  claims: TicketClaims;
  shoal: ShoalHandshake;
  classId: number | undefined;
  hashesId: number | undefined;
}

const EXTENSIONS = {
  [SHOAL_AUTH]: SHOAL_AUTH_ID,
  [SHOAL_CLASS]: SHOAL_CLASS_ID,
  [SHOAL_HASHES]: SHOAL_HASHES_ID,
};

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #nonce = randomBytes(NONCE_BYTES);
  #swarm: SwarmCredentials | undefined;
  #remote: HandshakeEvent | undefined;
  #claimed: Claimed | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** What the dialling side says first. */
  open(swarm: SwarmCredentials): Buffer {
    this.#swarm = swarm;
    return encodeHandshake({ infoHash: swarm.swarmId, peerId: this.#options.identity.peerId });
  }

  handle(event: WireEvent): AdmissionStep {
    if (event.type === 'keepAlive') return { send: [] };
    if (event.type === 'handshake') return this.#handshake(event);
    if (event.type !== 'extended' || this.#remote === undefined) return refuse('unexpected message before admission');
    if (event.id === EXTENDED_HANDSHAKE_ID && this.#claimed === undefined) return this.#ticket(event.payload);
    if (event.id === SHOAL_AUTH_ID && this.#claimed !== undefined) return this.#proof(event.payload, this.#claimed);
    return refuse('unexpected message before admission');
  }

  #handshake(event: HandshakeEvent): AdmissionStep {
    const { direction, identity, version, expectedPeerId, findSwarm } = this.#options;
    this.#remote = event;
    const send: Buffer[] = [];
    if (direction === 'in') {
      this.#swarm = findSwarm(event.infoHash);
      if (this.#swarm === undefined) return refuse('swarm not known here');
      send.push(this.open(this.#swarm));
    } else if (event.infoHash !== this.#swarm?.swarmId || event.peerId !== expectedPeerId)
      return refuse('another peer answered');
    if (event.peerId === identity.peerId) return refuse('connected to itself');
    if (!event.extensions) return refuse('no extension protocol');
    const swarm = this.#swarm as SwarmCredentials;
    const shoal = { protocol: SHOAL_PROTOCOL, block: swarm.blockBytes, nonce: this.#nonce, ticket: swarm.ticket() };
    const payload = encodeExtendedHandshake({ m: EXTENSIONS, v: `Shoal ${version}`, shoal });
    send.push(encodeMessage({ type: 'extended', id: EXTENDED_HANDSHAKE_ID, payload }));
    return { send };
  }

  #ticket(payload: Uint8Array): AdmissionStep {
    const result = decodeExtendedHandshake(payload);
    if (!result.ok) return refuse('bad extended handshake');
    const { shoal, m } = result.handshake;
    const proofId = m[SHOAL_AUTH];
    if (shoal === undefined || !proofId) return refuse('not a Shoal agent');
    const swarm = this.#swarm as SwarmCredentials;
    const verdict = verifyTicket(shoal.ticket, swarm.trackerKey(), {
      swarm: swarm.swarmId,
      nowSeconds: this.#options.nowSeconds(),
    });
    if (!verdict.ok) return refuse(`ticket: ${verdict.reason}`);
    const { peerId } = this.#remote as HandshakeEvent;
    if (verdict.claims.agent !== peerId) return refuse('ticket of another peer');
    const [classId, hashesId] = [m[SHOAL_CLASS] || undefined, m[SHOAL_HASHES] || undefined];
    this.#claimed = { claims: verdict.claims, shoal, classId, hashesId };
    const { identity } = this.#options;
    const proof = signProof(
      {
        swarm: swarm.swarmId,
        proverPeerId: identity.peerId,
        verifierPeerId: peerId,
        proverNonce: this.#nonce,
        verifierNonce: shoal.nonce,
      },
      identity.privateKey,
    );
    return { send: [encodeMessage({ type: 'extended', id: proofId, payload: proof })] };
  }

  #proof(signature: Uint8Array, { claims, shoal, classId, hashesId }: Claimed): AdmissionStep {
    const swarm = this.#swarm as SwarmCredentials;
    const { identity } = this.#options;
    const fields = {
      swarm: swarm.swarmId,
      proverPeerId: claims.agent,
      verifierPeerId: identity.peerId,
      proverNonce: shoal.nonce,
      verifierNonce: this.#nonce,
    };
    const key = importRawPublicKey(Buffer.from(claims.key, 'base64url'));
    if (!verifyProof(fields, key, signature)) return refuse('bad proof');
    const admitted: AdmittedPeer = {
      peerId: claims.agent,
      ticketRole: claims.role,
      swarmId: swarm.swarmId,
      blockBytes: Math.min(shoal.block, swarm.blockBytes),
      protocol: Math.min(shoal.protocol, SHOAL_PROTOCOL),
      ...(classId && { classId }),
      ...(hashesId && { hashesId }),
    };
    return { send: [], admitted };
  }
}

function refuse(refused: RefusalReason): AdmissionStep {
  return { send: [], refused };
}
