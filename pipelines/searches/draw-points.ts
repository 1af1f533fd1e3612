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
 * Of each trial, from the first. A trial draws each field by itself, from (seed, field, trial): more trials leave the
 * earlier ones as they are, and so does another field. A space of choices alone is a grid, whose points are drawn without
 * replacement.
 *
 * @param trials at most `gridSize` where there is one
 */
export function drawPoints(space: Space, seed: number, trials: number): Point[] {
  const fields = Object.keys(space).sort();
  const size = gridSize(space);
  const numbers = Array.from({ length: trials }, (_, index) => index + 1);
  if (size !== undefined && size <= LARGEST_GRID) {
    const order = randomGenerator(seed, 'search grid').permutation(size);
    return numbers.map((trial) => gridPoint(space, fields, order[trial - 1]!));
  }
  return numbers.map((trial) =>
    Object.fromEntries(
      fields.map((field) => [
        field,
        drawValue(space[field]!, randomGenerator(seed, `search ${field}`, 0, trial)),
      ]),
    ),
  );
}

/** The first field's choice changes fastest. */
function gridPoint(space: Space, fields: readonly string[], place: number): Point {
  let left = place;
  return Object.fromEntries(
    fields.map((field) => {
      const choices = space[field]!.choice!;
      const value = choices[left % choices.length]!;
      left = Math.floor(left / choices.length);
      return [field, value];
    }),
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
