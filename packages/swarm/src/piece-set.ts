/** A set of piece indexes as a bitfield in BEP 3's order (high bit first), with its size counted. */

export class PieceSet {
  readonly bits: Uint8Array;
  readonly length: number;
  #count = 0;

  constructor(length: number, bits?: Uint8Array) {
    this.length = length;
    this.bits = new Uint8Array(Math.ceil(length / 8));
    if (bits === undefined) return;
    for (let index = 0; index < length; index++) if (bitOf(bits, index)) this.add(index);
  }

  get count(): number {
    return this.#count;
  }

  get complete(): boolean {
    return this.#count === this.length;
  }

  has(index: number): boolean {
    return bitOf(this.bits, index);
  }

  /** True when the piece was not in the set before. */
  add(index: number): boolean {
    if (index < 0 || index >= this.length || this.has(index)) return false;
    this.bits[index >> 3] = (this.bits[index >> 3] ?? 0) | (0x80 >> (index & 7));
    this.#count++;
    return true;
  }

  delete(index: number): boolean {
    if (index < 0 || index >= this.length || !this.has(index)) return false;
    this.bits[index >> 3] = (this.bits[index >> 3] ?? 0) & ~(0x80 >> (index & 7));
    this.#count--;
    return true;
  }

  addAll(): void {
    for (let index = 0; index < this.length; index++) this.add(index);
  }

  *[Symbol.iterator](): Generator<number> {
    for (let index = 0; index < this.length; index++) if (this.has(index)) yield index;
  }
}

function bitOf(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
}
