/**
 * Whom to dial and when again: neighbours the tracker named, with a back-off after a failure and a
 * block after three bad pieces. The downloader dials; a finished agent dials nobody.
 */
import type { PeerId } from './events.ts';

interface Candidate {
  failures: number;
  notBefore: number;
  busy: boolean;
  badPieces: number;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
const BAD_PIECES_ALLOWED = 3;
const BLOCK_MS = 5 * 60_000;

export class Dialer {
  readonly #candidates = new Map<PeerId, Candidate>();

  add(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      const known = this.#candidates.get(peer);
      // A neighbour named again has a fresh address: forget the old failures, not the bad pieces.
      if (known === undefined) this.#candidates.set(peer, { failures: 0, notBefore: 0, busy: false, badPieces: 0 });
      else if (!known.busy && known.badPieces < BAD_PIECES_ALLOWED) known.notBefore = 0;
    }
  }

  /** Peers to dial now; each is busy until `failed` or `closed`. */
  due(now: number): PeerId[] {
    const due: PeerId[] = [];
    for (const [peer, candidate] of this.#candidates) {
      if (candidate.busy || candidate.notBefore > now) continue;
      candidate.busy = true;
      due.push(peer);
    }
    return due;
  }

  connected(peer: PeerId): void {
    const candidate = this.#candidates.get(peer);
    if (candidate !== undefined) candidate.failures = 0;
  }

  /** The dial failed or the connection ended: dial again later. */
  failed(peer: PeerId, now: number): void {
    const candidate = this.#candidates.get(peer);
    if (candidate === undefined) return;
    candidate.busy = false;
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** candidate.failures);
    candidate.failures++;
    candidate.notBefore = Math.max(candidate.notBefore, now + waitMs);
  }

  /** Counts a bad piece; true when the peer is blocked for a while. */
  badPiece(peer: PeerId, now: number): boolean {
    const candidate = this.#candidates.get(peer);
    if (candidate === undefined) return false;
    candidate.badPieces++;
    if (candidate.badPieces < BAD_PIECES_ALLOWED) return false;
    candidate.notBefore = now + BLOCK_MS;
    candidate.badPieces = 0;
    return true;
  }

  nextDueAt(): number | undefined {
    let next: number | undefined;
    for (const { busy, notBefore } of this.#candidates.values())
      if (!busy && (next === undefined || notBefore < next)) next = notBefore;
    return next;
  }
}
