/** The points of a search: which values each trial has. Pure. */
import type { Dimension, FieldValue } from '../../schemas/config/search.ts';
import { randomGenerator, type Generator } from '../random/generator.ts';

/** Values by dotted field. */
export type Point = Readonly<Record<string, FieldValue>>;
type Space = Readonly<Record<string, Dimension>>;

const SIGNIFICANT_DIGITS = 4;
/** Up to this size every point of a space of choices is drawn once before any is drawn twice. */
const LARGEST_GRID = 100_000;

/**
 * Trial `trial` draws each field by itself, from (seed, field, trial): more trials leave the earlier ones as they are,
 * and so does another field. A space of choices alone is a grid, whose points are drawn without replacement.
 *
 * @param trial from 1, at most `gridSize` where there is one
 */
export function drawPoint(space: Space, seed: number, trial: number): Point {
  const fields = Object.keys(space).sort();
  const size = gridSize(space);
  if (size !== undefined && size <= LARGEST_GRID) {
    const order = randomGenerator(seed, 'search grid').permutation(size);
    let place = order[trial - 1]!;
    return Object.fromEntries(
      fields.map((field) => {
        const choices = space[field]!.choice!;
        const value = choices[place % choices.length]!;
        place = Math.floor(place / choices.length);
        return [field, value];
      }),
    );
  }
  return Object.fromEntries(
    fields.map((field) => [
      field,
      drawValue(space[field]!, randomGenerator(seed, `search ${field}`, 0, trial)),
    ]),
  );
}

/** How many points there are; undefined where a field's values cannot be counted. */
export function gridSize(space: Space): number | undefined {
  const sizes = Object.values(space).map(({ choice }) => choice?.length);
  return sizes.reduce<number | undefined>(
    (product, size) => (product === undefined || size === undefined ? undefined : product * size),
    1,
  );
}

/** Values at which a field is tried out before any is drawn: all choices, or both ends. */
export function probesOf({ choice, uniform, logUniform, integer }: Dimension): readonly FieldValue[] {
  return choice ?? uniform ?? logUniform ?? integer ?? [];
}

function drawValue({ choice, uniform, logUniform, integer }: Dimension, random: Generator): FieldValue {
  if (choice !== undefined) return choice[random.integer(choice.length)]!;
  if (integer !== undefined) {
    const [low, high] = integer;
    return low + random.integer(high - low + 1);
  }
  const [low, high] = (logUniform ?? uniform)!;
  const share = random.uniform();
  const drawn =
    logUniform === undefined
      ? low + share * (high - low)
      : Math.exp(Math.log(low) + share * Math.log(high / low));
  return Math.min(high, Math.max(low, Number(drawn.toPrecision(SIGNIFICANT_DIGITS))));
}
