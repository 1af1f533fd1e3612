/**
 * How strongly two points attract and repel each other, by the square of their distance, as tables: a power at
 * every step would take most of a layout's time. Values between are interpolated; relative error under 2·10⁻⁴.
 */
import type { Curve } from './curve.ts';

/** Squares from 2⁻²⁴ to 2²⁴; beyond, the outermost value stands. */
const LEAST_EXPONENT = -24;
const OCTAVES = 48;
const PER_OCTAVE = 64;
/** A float32 has 23 bits of fraction and its exponent raised by 127. */
const INDEX_SHIFT = 23 - Math.log2(PER_OCTAVE);
const FIRST_INDEX = (LEAST_EXPONENT + 127) * PER_OCTAVE;
const LAST = OCTAVES * PER_OCTAVE - 1;
const STEP = 1 << INDEX_SHIFT;
/** Keeps a repulsion finite. */
const NEAR = 1e-3;

/** Of squares at `PER_OCTAVE` even steps between powers of two. */
export type ForceTable = Float64Array;

/** Times the way from the other point: the move, negative. */
export function attraction({ a, b }: Curve): ForceTable {
  return tableOf((squared) => (-2 * a * b * squared ** (b - 1)) / (1 + a * squared ** b));
}

/** Times the way from the other point: the move, positive. */
export function repulsion({ a, b }: Curve): ForceTable {
  return tableOf((squared) => (2 * b) / ((NEAR + squared) * (1 + a * squared ** b)));
}

const asFloat = new Float32Array(1);
const asBits = new Int32Array(asFloat.buffer);

/** @param squared > 0 */
export function forceAt(table: ForceTable, squared: number): number {
  asFloat[0] = squared;
  const bits = asBits[0]!;
  const index = (bits >> INDEX_SHIFT) - FIRST_INDEX;
  if (index < 0) return table[0]!;
  if (index >= LAST) return table[LAST]!;
  const low = table[index]!;
  return low + ((bits & (STEP - 1)) / STEP) * (table[index + 1]! - low);
}

function tableOf(force: (squared: number) => number): ForceTable {
  return Float64Array.from({ length: LAST + 1 }, (_, i) => {
    const octave = Math.floor(i / PER_OCTAVE);
    return force(2 ** (LEAST_EXPONENT + octave) * (1 + (i % PER_OCTAVE) / PER_OCTAVE));
  });
}
