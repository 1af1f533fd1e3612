/** A share of units drawn by the hash of their names, class by class: who is drawn depends on no order, and little on others. */
import { hash } from 'node:crypto';
import { ModalmixError } from '../../schemas/errors.ts';

const HASH_BYTES = 6;
/** Stands for the class of units with clips of several. */
const SEVERAL = -1;
/** What a `Map` holds. */
const MOST_GROUPS = 2 ** 24;

interface Place {
  readonly unit: string;
  /** In [0, 1). */
  readonly place: number;
}

/** Units that are drawn among their likes: those of one class, and those with clips of several. */
interface Stratum {
  count: number;
  /** Units whose place lies below the share. */
  below: number;
  smallest: Place;
  largest: Place;
  /** All places; kept only where units are drawn by rank. */
  readonly places: number[];
}

/**
 * How units are drawn:
 * - `threshold`: those whose place lies in the first `share` of all places; of a class that would have none, or nothing else,
 *   one is taken or left when it has two or more;
 * - `rank`: the `share` of each class with the smallest places, rounded to whole units.
 *
 * Where none would be drawn of two or more units in all, the one with the smallest place is.
 */
export type DrawRule = 'threshold' | 'rank';

/** First all units are added, then it is drawn, then it answers. */
export class Draw {
  readonly #purpose: string;
  readonly #share: number;
  readonly #rule: DrawRule;
  readonly #groups = new Map<string, number>();
  readonly #strata = new Map<number, Stratum>();
  readonly #taken = new Set<string>();
  readonly #left = new Set<string>();
  /** By class: places up to it are drawn. */
  readonly #limits = new Map<number, number>();

  /** @param purpose units that are drawn for one purpose are others than for another */
  constructor(purpose: string, share: number, rule: DrawRule) {
    this.#purpose = purpose;
    this.#share = share;
    this.#rule = rule;
  }

  /** A clip of a group, which is drawn as a whole. */
  addToGroup(group: string, label: number): void {
    const before = this.#groups.get(group);
    if (before === undefined && this.#groups.size === MOST_GROUPS) {
      throw new ModalmixError('config', `the clips have more than ${String(MOST_GROUPS)} groups`, {
        where: 'dataset',
        fix: 'Give the clips their splits in the list, or fewer groups.',
      });
    }
    if (before !== label) this.#groups.set(group, before === undefined ? label : SEVERAL);
  }

  /** A clip that is drawn alone. */
  addAlone(clipId: string, label: number): void {
    if (this.#share > 0) this.#count(clipId, label);
  }

  draw(): void {
    if (this.#share === 0) return;
    for (const [group, label] of this.#groups) this.#count(group, label);
    let drawn = 0;
    let count = 0;
    for (const [label, stratum] of this.#strata) {
      drawn += this.#rule === 'rank' ? this.#drawByRank(label, stratum) : this.#drawByThreshold(stratum);
      count += stratum.count;
    }
    if (drawn === 0 && count > 1) {
      const first = [...this.#strata.values()].map(({ smallest }) => smallest).reduce(smaller);
      this.#taken.add(first.unit);
    }
  }

  hasGroup(group: string): boolean {
    const label = this.#groups.get(group);
    return label !== undefined && this.#has(group, label);
  }

  /** @param clipId was added */
  hasAlone(clipId: string, label: number): boolean {
    return this.#has(clipId, label);
  }

  #has(unit: string, label: number): boolean {
    if (this.#share === 0) return false;
    if (this.#taken.has(unit)) return true;
    const place = this.#placeOf(unit);
    return this.#rule === 'rank'
      ? place <= (this.#limits.get(label) ?? -1)
      : place < this.#share && !this.#left.has(unit);
  }

  #count(unit: string, label: number): void {
    const here = { unit, place: this.#placeOf(unit) };
    let stratum = this.#strata.get(label);
    if (stratum === undefined) {
      stratum = { count: 0, below: 0, smallest: here, largest: here, places: [] };
      this.#strata.set(label, stratum);
    }
    stratum.count += 1;
    if (here.place < this.#share) stratum.below += 1;
    stratum.smallest = smaller(stratum.smallest, here);
    if (here.place >= stratum.largest.place) stratum.largest = here;
    if (this.#rule === 'rank') stratum.places.push(here.place);
  }

  /** @returns how many */
  #drawByThreshold({ count, below, smallest, largest }: Stratum): number {
    if (count < 2) return below;
    if (below === 0) this.#taken.add(smallest.unit);
    if (below === count) this.#left.add(largest.unit);
    return Math.min(Math.max(below, 1), count - 1);
  }

  #drawByRank(label: number, { count, places }: Stratum): number {
    const drawn = Math.round(this.#share * count);
    if (drawn > 0) this.#limits.set(label, Float64Array.from(places).sort()[drawn - 1]!);
    return drawn;
  }

  #placeOf(unit: string): number {
    const digest = hash('sha256', `${this.#purpose}\0${unit}`, 'buffer');
    return digest.readUIntBE(0, HASH_BYTES) / 2 ** (8 * HASH_BYTES);
  }
}

function smaller(one: Place, other: Place): Place {
  return other.place < one.place ? other : one;
}
