/**
 * Which piece to start next: rarest first with random ties. Open pieces (wanted, verifiable, not
 * started) stand in one bucket an availability, so a have or a lost peer moves one piece in O(1)
 * and nothing is sorted or scanned for it. Knows nothing of peers but how many hold a piece.
 */
import type { PieceSet } from './piece-set.ts';

export class PiecePicker {
  readonly #availability: Uint16Array;
  /** Position in its bucket, or -1 while the piece is not open. */
  readonly #position: Int32Array;
  readonly #buckets: number[][] = [];
  readonly #random: () => number;
  #openCount = 0;

  constructor(pieceCount: number, random: () => number) {
    this.#availability = new Uint16Array(pieceCount);
    this.#position = new Int32Array(pieceCount).fill(-1);
    this.#random = random;
  }

  get openCount(): number {
    return this.#openCount;
  }

  availabilityOf(piece: number): number {
    return this.#availability[piece] ?? 0;
  }

  isOpen(piece: number): boolean {
    return (this.#position[piece] ?? -1) >= 0;
  }

  open(piece: number): void {
    if (this.isOpen(piece)) return;
    this.#insert(piece);
    this.#openCount++;
  }

  close(piece: number): void {
    if (!this.isOpen(piece)) return;
    this.#remove(piece);
    this.#openCount--;
  }

  /** `by` is 1 for a have, -1 for a holder that went. */
  adjust(piece: number, by: 1 | -1): void {
    const open = this.isOpen(piece);
    if (open) this.#remove(piece);
    this.#availability[piece] = (this.#availability[piece] ?? 0) + by;
    if (open) this.#insert(piece);
  }

  /** The rarest open piece that `holder` has and that suits; among equals a random one. Stays open. */
  pick(holder: PieceSet, suits: (piece: number) => boolean = () => true): number | undefined {
    for (let rarity = 1; rarity < this.#buckets.length; rarity++) {
      const bucket = this.#buckets[rarity];
      if (bucket === undefined || bucket.length === 0) continue;
      const start = Math.floor(this.#random() * bucket.length);
      for (let step = 0; step < bucket.length; step++) {
        const piece = bucket[(start + step) % bucket.length];
        if (piece !== undefined && holder.has(piece) && suits(piece)) return piece;
      }
    }
    return undefined;
  }

  /** Any open piece that `holder` has and that suits, whatever its rarity. Stays open. */
  pickAny(holder: PieceSet, suits: (piece: number) => boolean): number | undefined {
    const all: number[] = [];
    for (const bucket of this.#buckets)
      for (const piece of bucket) if (holder.has(piece) && suits(piece)) all.push(piece);
    return all[Math.floor(this.#random() * all.length)];
  }

  #insert(piece: number): void {
    const rarity = this.availabilityOf(piece);
    while (this.#buckets.length <= rarity) this.#buckets.push([]);
    const bucket = this.#buckets[rarity] as number[];
    this.#position[piece] = bucket.length;
    bucket.push(piece);
  }

  #remove(piece: number): void {
    const bucket = this.#buckets[this.availabilityOf(piece)] as number[];
    const position = this.#position[piece] as number;
    const last = bucket.pop() as number;
    if (last !== piece) {
      bucket[position] = last;
      this.#position[last] = position;
    }
    this.#position[piece] = -1;
  }
}
