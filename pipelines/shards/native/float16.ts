/** IEEE 754 half precision, for Node versions that have no `Float16Array`. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Nearest half-precision number, ties to even; beyond the range: infinity. */
function toHalf(value: number): number {
  float[0] = value;
  const word = bits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Subnormal: a whole number of 2⁻²⁴, which Math.round would tie upwards.
  const units = Math.abs(value) * 2 ** 24;
  const floor = Math.floor(units);
  const rest = units - floor;
  return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0));
}

function fromHalf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let decodeTable: Float32Array | undefined;

export function encodeHalves(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i += 1) halves[i] = toHalf(values[i] ?? 0);
  return halves;
}

/** @param values written and returned; as long as `halves` */
export function decodeHalves(
  halves: Uint16Array,
  values: Float32Array = new Float32Array(halves.length),
): Float32Array {
  decodeTable ??= Float32Array.from({ length: 0x10000 }, (_, half) => fromHalf(half));
  for (let i = 0; i < halves.length; i += 1) values[i] = decodeTable[halves[i] ?? 0] ?? 0;
  return values;
}
