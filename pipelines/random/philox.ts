/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as
 * 1, 2, 3" (SC 2011): each block of four 32-bit words is a pure function of a 128-bit counter and a 64-bit key.
 */

export type Counter = readonly [number, number, number, number];
export type Key = readonly [number, number];

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of the unsigned product, as int32; the low ones are `Math.imul`. All in int32, which V8 keeps in registers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const middle2 = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (middle2 >>> 16)) | 0;
}

/** One block: four words in 0…2³²−1. Every word of `counter` and `key` is taken modulo 2³². */
export function philox4x32(counter: Counter, key: Key): [number, number, number, number] {
  const words = new Uint32Array(4);
  philoxBlocks(words, counter, key);
  return [words[0]!, words[1]!, words[2]!, words[3]!];
}

/**
 * The words of consecutive blocks, `counter`'s first word counting up.
 *
 * @param words filled; a multiple of four of them
 */
export function philoxBlocks(words: Uint32Array, counter: Counter, key: Key): void {
  for (let w = 0; w + 4 <= words.length; w += 4) {
    let c0 = (counter[0] + w / 4) | 0;
    let c1 = counter[1] | 0;
    let c2 = counter[2] | 0;
    let c3 = counter[3] | 0;
    let k0 = key[0] | 0;
    let k1 = key[1] | 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const high0 = multiplyHigh(M0, c0);
      const high1 = multiplyHigh(M1, c2);
      const low0 = Math.imul(M0, c0);
      const low1 = Math.imul(M1, c2);
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 = (k0 + W0) | 0;
      k1 = (k1 + W1) | 0;
    }
    words[w] = c0;
    words[w + 1] = c1;
    words[w + 2] = c2;
    words[w + 3] = c3;
  }
}
