/** What was made of keys lately: lists name the same file again and again, mostly close together. */
const KEPT = 2 ** 16;

export class Recent<Value> {
  readonly #make: (key: string) => Value;
  #known = new Map<string, Value>();

  constructor(make: (key: string) => Value) {
    this.#make = make;
  }

  get(key: string): Value {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value = this.#make(key);
    if (this.#known.size >= KEPT) this.#known = new Map();
    this.#known.set(key, value);
    return value;
  }
}
