/**
 * What a seeder lets each peer see, so that it sends every piece about once: it announces the
 * least-sent pieces, a few at a time and different ones to each peer, and lets the peers spread
 * them (BEP 16's idea). A peer that makes no progress otherwise is shown more. Decides only what
 * to announce; a request for a piece that is held is always served.
 */
import type { LinkId } from './events.ts';
import type { Link } from './links.ts';
import type { PieceSet } from './piece-set.ts';

interface Audience {
  link: Link;
  /** Shown and not yet announced back, with the time of showing. */
  pending: Map<number, number>;
  shown: Set<number>;
  progressAt: number;
  /** When it last asked for something: then it does not lack what to ask for. */
  askedAt: number;
  /** Pieces that may be shown ahead, by how fast shown ones come back. */
  ahead: number;
  /** Shown pieces that came back since `measuredFrom`. */
  measured: number;
  measuredFrom: number;
}

/** Shown ahead a peer: enough to keep its pipeline full while it announces back. */
const AHEAD_BYTES = 1024 * 1024;
const AHEAD_MS = 150;
const MEASURE_MS = 100;
const STARVED_MS = 1000;

export class Revealer {
  readonly #audiences = new Map<LinkId, Audience>();
  /** Peers that hold a piece or have been shown it: how often it is out. */
  readonly #out: Uint16Array;
  readonly #held: PieceSet;
  readonly #leastAhead: number;
  /** How long a shown piece takes to come back as a have; patience grows with it. */
  #roundTripMs = 0;

  constructor(held: PieceSet, pieceLength: number) {
    this.#held = held;
    this.#out = new Uint16Array(held.length);
    this.#leastAhead = Math.max(2, Math.ceil(AHEAD_BYTES / pieceLength));
  }

  join(link: Link, now: number): void {
    this.#audiences.set(link.link, {
      link,
      pending: new Map(),
      shown: new Set(),
      progressAt: now,
      askedAt: now,
      ahead: this.#leastAhead,
      measured: 0,
      measuredFrom: now,
    });
  }

  leave(linkId: LinkId): void {
    const audience = this.#audiences.get(linkId);
    if (audience === undefined) return;
    this.#audiences.delete(linkId);
    for (const piece of audience.link.have) this.#count(piece, -1);
    for (const piece of audience.pending.keys()) this.#count(piece, -1);
  }

  /** The peer announced a piece that it did not have before. */
  noteHave(linkId: LinkId, piece: number, now: number): void {
    const audience = this.#audiences.get(linkId);
    if (audience === undefined) return;
    audience.progressAt = now;
    const shownAt = audience.pending.get(piece);
    if (shownAt === undefined) return this.#count(piece, 1);
    audience.pending.delete(piece);
    this.#measure(audience, now);
    const tookMs = now - shownAt;
    this.#roundTripMs = this.#roundTripMs === 0 ? tookMs : this.#roundTripMs * 0.9 + tookMs * 0.1;
  }

  noteRequest(linkId: LinkId, now: number): void {
    const audience = this.#audiences.get(linkId);
    if (audience !== undefined) audience.askedAt = now;
  }

  /** Pieces to announce now, link by link. */
  reveal(now: number): { link: LinkId; piece: number }[] {
    const reveals: { link: LinkId; piece: number }[] = [];
    for (const audience of this.#audiences.values()) this.#expire(audience, now);
    const lacksPieces = ({ link, pending, ahead }: Audience): boolean => !link.have.complete && pending.size < ahead;
    const fresh = [...this.#audiences.values()].some(lacksPieces) ? this.#freshPieces() : [];
    // Round robin, one piece a turn: a scarce fresh piece must not all go to the first peer.
    let dealt = true;
    while (dealt && fresh.length > 0) {
      dealt = false;
      for (const audience of this.#audiences.values()) {
        if (!lacksPieces(audience)) continue;
        const piece = takeFirst(
          fresh,
          (candidate) => !audience.link.have.has(candidate) && !audience.shown.has(candidate),
        );
        if (piece === undefined) continue;
        this.#show(audience, piece, now);
        reveals.push({ link: audience.link.link, piece });
        dealt = true;
      }
    }
    for (const audience of this.#audiences.values()) {
      const piece = this.#pieceForStarved(audience, now);
      if (piece === undefined) continue;
      this.#show(audience, piece, now);
      audience.progressAt = now;
      reveals.push({ link: audience.link.link, piece });
    }
    return reveals;
  }

  /** A while without progress is patience enough; undefined when nobody waits. */
  nextWakeup(): number | undefined {
    let next: number | undefined;
    for (const { link, progressAt, askedAt } of this.#audiences.values()) {
      const since = Math.max(progressAt, askedAt);
      if (!link.have.complete && (next === undefined || since < next)) next = since;
    }
    return next === undefined ? undefined : next + this.#patienceMs();
  }

  #measure(audience: Audience, now: number): void {
    audience.measured++;
    const elapsedMs = now - audience.measuredFrom;
    if (elapsedMs < MEASURE_MS) return;
    audience.ahead = Math.max(this.#leastAhead, Math.ceil((audience.measured * AHEAD_MS) / elapsedMs));
    audience.measured = 0;
    audience.measuredFrom = now;
  }

  #patienceMs(): number {
    return Math.max(STARVED_MS, 4 * this.#roundTripMs);
  }

  /** Held pieces that are out nowhere. In order: whoever reads the blob while it comes waits for the first ones. */
  #freshPieces(): number[] {
    const fresh: number[] = [];
    for (const piece of this.#held) if (this.#out[piece] === 0) fresh.push(piece);
    return fresh;
  }

  /** A peer that sits on a shown piece must not keep it from the others. */
  #expire(audience: Audience, now: number): void {
    const asksYet = now - audience.askedAt < STARVED_MS;
    for (const [piece, shownAt] of audience.pending) {
      if (now - shownAt < (asksYet ? 16 : 4) * this.#patienceMs()) break;
      audience.pending.delete(piece);
      this.#count(piece, -1);
    }
  }

  #pieceForStarved(audience: Audience, now: number): number | undefined {
    const since = Math.max(audience.progressAt, audience.askedAt);
    if (audience.link.have.complete || now - since < this.#patienceMs()) return undefined;
    let best: number | undefined;
    for (const piece of this.#held) {
      if (audience.link.have.has(piece) || audience.shown.has(piece)) continue;
      if (best === undefined || (this.#out[piece] ?? 0) < (this.#out[best] ?? 0)) best = piece;
    }
    return best;
  }

  #show(audience: Audience, piece: number, now: number): void {
    audience.shown.add(piece);
    audience.pending.set(piece, now);
    this.#count(piece, 1);
  }

  #count(piece: number, by: number): void {
    this.#out[piece] = (this.#out[piece] ?? 0) + by;
  }
}

function takeFirst(from: number[], suits: (piece: number) => boolean): number | undefined {
  const index = from.findIndex(suits);
  return index < 0 ? undefined : from.splice(index, 1)[0];
}
