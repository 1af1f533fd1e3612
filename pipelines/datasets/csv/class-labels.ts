/** Classes by the names that a table gives them, as they are met: which there are is known after the last row. */
import { sortedLabels } from '../labels.ts';
import { indexOfName } from '../one-form.ts';

export class ClassLabels {
  readonly #known: readonly string[] | undefined;
  readonly #places = new Map<string, number>();
  readonly #names: string[] = [];
  #classNames: readonly string[] | undefined;
  /** Class of each name in the order in which names came. */
  #indices: number[] = [];

  /** @param known absent: all names are classes */
  constructor(known: readonly string[] | undefined) {
    this.#known = known;
  }

  /** @returns the name's place among those that came, for `indexOf`; undefined when it is no class */
  add(name: string): number | undefined {
    const place = this.#places.get(name);
    if (place !== undefined) return place;
    if (this.#known !== undefined && indexOfName(this.#known, name) === -1) return undefined;
    this.#places.set(name, this.#names.length);
    return this.#names.push(name) - 1;
  }

  /** After the last name. */
  classNames(): readonly string[] {
    if (this.#known !== undefined) return this.#known;
    this.#classNames ??= sortedLabels(this.#names);
    return this.#classNames;
  }

  /** Into `classNames`. */
  indexOf(place: number): number {
    if (this.#indices.length === 0) {
      this.#indices = this.#names.map((name) => indexOfName(this.classNames(), name));
    }
    return this.#indices[place]!;
  }
}
