/**
 * What this host may fetch over the uplink of its zone. A piece that no neighbour in the zone holds
 * is asked for at the tracker before it is asked of a peer behind another uplink; so each piece
 * comes into the zone once. When the tracker does not answer the host goes on without leases.
 */
import type { PieceSet } from './piece-set.ts';

/** Without an answer for so long, the tracker is away. */
const ANSWER_MS = 3000;
const RENEW_MS = 3000;
/** The tracker may say neither yes nor no: enough is on its way into the zone. */
const LATER_MS = 200;
/** A refused piece comes through a neighbour, unless that one dies: then another may have it. */
const REFUSED_MS = 2500;
/** A lease without a block for so long is given up. */
const IDLE_MS = 5000;
/** Leases at a time, if pieces come in slowly: one more would wait at a busy uploader while a freer host goes without. */
const LEAST_AHEAD = 1;
/** Leased ahead of what comes in. */
const AHEAD_MS = 200;
const MEASURE_MS = 1000;

interface Wanted {
  wanted: readonly number[];
  /** Shown by a seeder to this host alone. */
  shown: readonly number[];
}

interface Ask {
  pieces: number[];
  shown: number[];
}

export class Leases {
  readonly #held: PieceSet;
  /** Links within the zone that have a piece. */
  readonly #localHolders: Uint16Array;
  /** With the time of granting, or of the last block. */
  readonly #granted = new Map<number, number>();
  /** Those that a seeder shows to this host alone: they are not counted, the seeder shows few. */
  readonly #shown = new Set<number>();
  readonly #refusedUntil = new Map<number, number>();
  #askedAt: number | undefined;
  #nextAskAt = 0;
  /** When the tracker was last told what is still to come, and how many. */
  #toldAt = 0;
  #toldCount = 0;
  #arrived = 0;
  #arrivedBefore = 0;
  #measuredFrom = 0;

  constructor(held: PieceSet) {
    this.#held = held;
    this.#localHolders = new Uint16Array(held.length);
  }

  /** A link within the zone has a piece, or is gone. */
  noteLocal(piece: number, by: 1 | -1): void {
    this.#localHolders[piece] = (this.#localHolders[piece] ?? 0) + by;
  }

  answered(granted: readonly number[], refused: readonly number[], now: number): void {
    this.#askedAt = undefined;
    this.#nextAskAt = now + LATER_MS;
    for (const piece of granted) if (!this.#held.has(piece) && !this.#granted.has(piece)) this.#granted.set(piece, now);
    this.#toldCount = granted.length;
    for (const piece of refused) {
      this.#drop(piece);
      this.#refusedUntil.set(piece, now + REFUSED_MS);
    }
  }

  /** A block of it came from another zone. */
  progressed(piece: number, now: number): void {
    if (this.#granted.has(piece)) this.#granted.set(piece, now);
  }

  verified(piece: number, now: number): void {
    this.#refusedUntil.delete(piece);
    if (!this.#drop(piece)) return;
    this.#arrived++;
    this.#nextAskAt = now; // the next one may follow at once
  }

  /** May be fetched from another zone. */
  allows(piece: number, now: number): boolean {
    return this.#granted.has(piece) || this.trackerIsAway(now);
  }

  /** The oldest lease that suits: what waits for long would be given up. */
  oldest(suits: (piece: number) => boolean): number | undefined {
    for (const piece of this.#granted.keys()) if (suits(piece)) return piece;
    return undefined;
  }

  /** Could be asked for. */
  isWanted(piece: number, now: number): boolean {
    if ((this.#localHolders[piece] ?? 0) > 0 || this.#granted.has(piece)) return false;
    return (this.#refusedUntil.get(piece) ?? 0) <= now;
  }

  /** How many new ones may be asked for now; undefined while an answer is awaited or nothing is due. */
  room(now: number): number | undefined {
    if (this.#askedAt !== undefined && !this.trackerIsAway(now)) return undefined;
    if (now < this.#nextAskAt) return undefined;
    return Math.max(0, this.#ahead(now) - (this.#granted.size - this.#shown.size));
  }

  /** All that is still to come and the new ones: what is not named any more has arrived. */
  ask({ wanted, shown }: Wanted, now: number): Ask | undefined {
    this.#giveUpIdle(now);
    const isNews = wanted.length + shown.length > 0 || this.#granted.size !== this.#toldCount;
    if (!isNews && (this.#granted.size === 0 || now < this.#toldAt + RENEW_MS)) return undefined;
    this.#askedAt = now;
    this.#toldAt = now;
    for (const piece of shown) this.#shown.add(piece);
    const pieces = [...this.#granted.keys(), ...shown, ...wanted];
    this.#toldCount = pieces.length;
    return { pieces, shown: pieces.filter((piece) => this.#shown.has(piece)) };
  }

  /** What does not come here may come to a neighbour. */
  #giveUpIdle(now: number): void {
    for (const [piece, progressAt] of this.#granted) {
      if (now - progressAt < IDLE_MS) continue;
      this.#drop(piece);
      this.#refusedUntil.set(piece, now + IDLE_MS);
    }
  }

  #drop(piece: number): boolean {
    this.#shown.delete(piece);
    return this.#granted.delete(piece);
  }

  trackerIsAway(now: number): boolean {
    return this.#askedAt !== undefined && now - this.#askedAt > ANSWER_MS;
  }

  #ahead(now: number): number {
    if (now - this.#measuredFrom >= MEASURE_MS) {
      this.#arrivedBefore = (this.#arrived * MEASURE_MS) / (now - this.#measuredFrom);
      this.#arrived = 0;
      this.#measuredFrom = now;
    }
    return LEAST_AHEAD + Math.floor((this.#arrivedBefore * AHEAD_MS) / MEASURE_MS);
  }
}
