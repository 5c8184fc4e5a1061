/**
 * Whom to dial and when again: neighbours the tracker named, with a back-off after a failure and a
 * block after three bad pieces. The downloader dials; a finished agent dials nobody.
 */
import type { PeerId } from './events.ts';

interface Candidate {
  failures: number;
  notBefore: number;
  busy: boolean;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
const BAD_PIECES_ALLOWED = 3;
const BLOCK_MS = 5 * 60_000;

export class Dialer {
  readonly #candidates = new Map<PeerId, Candidate>();
  readonly #badPieces = new Map<PeerId, { count: number; blockedUntil: number }>();
  /** Candidates that are not busy. */
  #idle = 0;

  /** A neighbour named again has a fresh address: its failures are forgotten, its bad pieces are not. */
  add(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      const known = this.#candidates.get(peer);
      if (known === undefined) {
        this.#candidates.set(peer, { failures: 0, notBefore: 0, busy: false });
        this.#idle++;
      } else if (!known.busy) known.notBefore = 0;
    }
  }

  /** Peers to dial now; each is busy until `failed`. */
  due(now: number): PeerId[] {
    const due: PeerId[] = [];
    if (this.#idle === 0) return due;
    for (const [peer, candidate] of this.#candidates) {
      if (candidate.busy || this.#dueAt(peer, candidate) > now) continue;
      candidate.busy = true;
      this.#idle--;
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
    if (candidate.busy) this.#idle++;
    candidate.busy = false;
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** candidate.failures);
    candidate.failures++;
    candidate.notBefore = Math.max(candidate.notBefore, now + waitMs);
  }

  isBlocked(peer: PeerId, now: number): boolean {
    return (this.#badPieces.get(peer)?.blockedUntil ?? 0) > now;
  }

  blocked(now: number): PeerId[] {
    return [...this.#badPieces.keys()].filter((peer) => this.isBlocked(peer, now));
  }

  /** Counts a bad piece; true when the peer is blocked for a while now. */
  badPiece(peer: PeerId, now: number): boolean {
    const record = this.#badPieces.get(peer) ?? { count: 0, blockedUntil: 0 };
    this.#badPieces.set(peer, record);
    record.count++;
    if (record.count < BAD_PIECES_ALLOWED) return false;
    record.count = 0;
    record.blockedUntil = now + BLOCK_MS;
    return true;
  }

  nextDueAt(): number | undefined {
    let next: number | undefined;
    if (this.#idle === 0) return undefined;
    for (const [peer, candidate] of this.#candidates) {
      if (candidate.busy) continue;
      const dueAt = this.#dueAt(peer, candidate);
      if (next === undefined || dueAt < next) next = dueAt;
    }
    return next;
  }

  #dueAt(peer: PeerId, { notBefore }: Candidate): number {
    return Math.max(notBefore, this.#badPieces.get(peer)?.blockedUntil ?? 0);
  }
}
