/** A set that is drawn from at random, in time that does not grow with it. */
export class RandomPool<T> {
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    if (this.#places.has(item)) return;
    this.#places.set(item, this.#items.length);
    this.#items.push(item);
  }

  delete(item: T): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#swap(place, this.#items.length - 1);
    this.#items.pop();
    this.#places.delete(item);
  }

  /** Each item once, in random order (Fisher–Yates, as far as it is read). The pool may not change meanwhile. */
  *shuffled(random: () => number): Generator<T> {
    for (let index = 0; index < this.#items.length; index++) {
      this.#swap(index, index + Math.floor(random() * (this.#items.length - index)));
      yield this.#items[index] as T;
    }
  }

  #swap(first: number, second: number): void {
    if (first === second) return;
    const [a, b] = [this.#items[first] as T, this.#items[second] as T];
    this.#items[first] = b;
    this.#items[second] = a;
    this.#places.set(b, first).set(a, second);
  }
}
