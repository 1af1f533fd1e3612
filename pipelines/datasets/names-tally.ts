/** Many names, of which the count and the first few are told. */
import { compareText } from './list-files.ts';

const EXAMPLES_KEPT = 5;

export interface CountedNames {
  readonly count: number;
  /** The first ones by text. */
  readonly examples: string[];
}

export class NamesTally {
  #count = 0;
  readonly #first: string[] = [];

  add(name: string): void {
    this.#count += 1;
    const last = this.#first.at(-1);
    if (this.#first.length === EXAMPLES_KEPT && last !== undefined && compareText(name, last) >= 0) return;
    this.#first.push(name);
    this.#first.sort(compareText);
    if (this.#first.length > EXAMPLES_KEPT) this.#first.pop();
  }

  get count(): number {
    return this.#count;
  }

  counted(): CountedNames {
    return { count: this.#count, examples: [...this.#first] };
  }
}

export function countNames(names: Iterable<string>): CountedNames {
  const tally = new NamesTally();
  for (const name of names) tally.add(name);
  return tally.counted();
}

/** `7 (a, b, c, d, e, …)`: the count and the first names. */
export function countedNames(names: Iterable<string> | CountedNames): string {
  const { count, examples } = 'count' in names ? names : countNames(names);
  return `${String(count)} (${examples.join(', ')}${count > examples.length ? ', …' : ''})`;
}
