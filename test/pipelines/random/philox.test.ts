import { describe, expect, it } from 'vitest';
import { philox4x32, type Counter, type Key } from '../../../pipelines/random/philox.ts';

/** The three `philox4x32 10` lines of Random123's `tests/kat_vectors`: counter, key, answer. */
const KNOWN_ANSWERS = `
00000000 00000000 00000000 00000000 00000000 00000000   6627e8d5 e169c58d bc57ac4c 9b00dbd8
ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff   408f276d 41c83b0e a20bc7c6 6d5451fd
243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0   d16cfe09 94fdcceb 5001e420 24126ea1
`;

describe('Philox4x32-10', () => {
  it.each(KNOWN_ANSWERS.trim().split('\n'))('gives the known answer of %s', (line) => {
    const words = line.split(/\s+/u).map((word) => parseInt(word, 16));
    const counter = words.slice(0, 4) as unknown as Counter;
    const key = words.slice(4, 6) as unknown as Key;
    expect(philox4x32(counter, key)).toEqual(words.slice(6));
  });
});
