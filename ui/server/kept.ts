/** A few things that are costly to make, the last ones that were asked for; what is being made is waited for by all. */

export class Kept<T> {
  readonly #most: number;
  readonly #values = new Map<string, { readonly value: Promise<T>; readonly madeAt: number }>();
  readonly #forMs: number;

  /** @param forMs after which it is made again */
  constructor(most: number, forMs = Infinity) {
    this.#most = most;
    this.#forMs = forMs;
  }

  async get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#values.get(key);
    const isFresh = known !== undefined && performance.now() - known.madeAt < this.#forMs;
    const entry = isFresh ? known : { value: make(), madeAt: performance.now() };
    // The last one asked for is the last to go.
    this.#values.delete(key);
    this.#values.set(key, entry);
    for (const [oldest] of this.#values) {
      if (this.#values.size <= this.#most) break;
      this.#values.delete(oldest);
    }
    try {
      return await entry.value;
    } catch (error) {
      if (this.#values.get(key) === entry) this.#values.delete(key);
      throw error;
    }
  }

  forget(key: string): void {
    this.#values.delete(key);
  }
}
