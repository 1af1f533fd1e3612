/**
 * Random numbers by purpose: a generator is a pure function of (seed, purpose, epoch, step), so that a
 * resumed run draws what an uninterrupted one would have drawn, without any state to save.
 */
import { createHash } from 'node:crypto';
import { philoxBlocks, type Counter, type Key } from './philox.ts';

export interface Generator {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform integer in 0…n−1. */
  integer(n: number): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** Beta(a, b), a, b > 0. */
  beta(a: number, b: number): number;
  /** A permutation of 0…n−1 (Fisher–Yates). */
  permutation(n: number): Uint32Array;
  /** Where large arrays draw from: each call names another stream, apart from what the generator itself draws. */
  stream(): Stream;
}

/** Blocks of Philox: the first word of `counter` counts them, from 0. */
export interface Stream {
  readonly key: Key;
  readonly counter: Counter;
}

/**
 * @param purpose what the numbers are for (`shuffle`, `crop`, `lambda`); different purposes are independent
 * @param epoch, step any non-negative integers below 2³²
 */
export function randomGenerator(seed: number, purpose: string, epoch = 0, step = 0): Generator {
  return new PhiloxGenerator(keyOf(seed, purpose), epoch, step);
}

function keyOf(seed: number, purpose: string): Key {
  const digest = createHash('sha256')
    .update(`${String(seed)}\0${purpose}`)
    .digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

/** A power of two, at least a block. */
const WORDS_AHEAD = 64;

class PhiloxGenerator implements Generator {
  readonly #key: Key;
  readonly #epoch: number;
  readonly #step: number;
  readonly #words = new Uint32Array(WORDS_AHEAD);
  #blockIndex = 0;
  #made = 0;
  #used = 0;
  #spareNormal: number | undefined;
  #streams = 0;

  constructor(key: Key, epoch: number, step: number) {
    this.#key = key;
    this.#epoch = epoch;
    this.#step = step;
  }

  #word(): number {
    if (this.#used === this.#made) {
      // Many generators give only a few numbers: ever more at a time.
      this.#made = Math.min(WORDS_AHEAD, Math.max(4, 2 * this.#made));
      const words = this.#words.subarray(0, this.#made);
      philoxBlocks(words, [this.#blockIndex, 0, this.#epoch, this.#step], this.#key);
      this.#blockIndex += this.#made / 4;
      this.#used = 0;
    }
    const word = this.#words[this.#used]!;
    this.#used += 1;
    return word;
  }

  uniform(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  beta(a: number, b: number): number {
    const x = this.#gamma(a);
    const y = this.#gamma(b);
    const sum = x + y;
    // Both underflow only for tiny shapes, where Beta is a coin with P(1) = a / (a + b).
    if (sum === 0) return this.uniform() < a / (a + b) ? 1 : 0;
    return x / sum;
  }

  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i -= 1) {
      const j = this.integer(i + 1);
      const kept = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = kept;
    }
    return order;
  }

  stream(): Stream {
    this.#streams += 1;
    return { key: this.#key, counter: [0, this.#streams, this.#epoch, this.#step] };
  }

  /** Gamma(shape, 1) after Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables" (2000). */
  #gamma(shape: number): number {
    if (shape < 1) return this.#gamma(shape + 1) * this.uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }
}
