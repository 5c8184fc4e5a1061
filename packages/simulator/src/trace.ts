/** The order of everything that happened as one number: two runs with one hash were the same run. */

export class Trace {
  count = 0;
  #low = 0x811c9dc5;
  #high = 0x1234567;

  add(time: number, host: number, what: number): void {
    this.count++;
    this.#low = Math.imul(this.#low ^ time, 0x01000193);
    this.#low = Math.imul(this.#low ^ host, 0x01000193);
    this.#high = Math.imul(this.#high ^ this.#low ^ what, 0x85ebca6b) ^ (this.#low >>> 13);
  }

  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
