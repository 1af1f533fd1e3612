/** Files that NumPy wrote (`golden/make_npy.py`), and what is made of files that are something else. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import { NpyProblem, parseNpy } from '../../../../pipelines/extraction/features/npy.ts';

const text = z.string();
const golden = z
  .object({
    read: z.array(
      z.object({ title: text, file: text, shape: z.array(z.number()), values: z.array(z.string()) }),
    ),
    refused: z.array(z.object({ problem: text, file: text })),
  })
  .parse(JSON.parse(readFileSync(new URL('golden/npy.json', import.meta.url), 'utf8')));
const bytesOf = (file: string) => new Uint8Array(Buffer.from(file, 'base64'));
const steps = bytesOf(golden.read.find(({ title }) => title === 'float32 [3, 4]')!.file);

/** A file with another header, its length as the header's. */
function withHeader(header: string, values = 4): Uint8Array {
  const padded = Buffer.from(header.padEnd(117) + '\n', 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  const magic = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
  return new Uint8Array(Buffer.concat([magic, length, padded, Buffer.alloc(4 * values)]));
}

describe('a file that NumPy wrote', () => {
  it.each(golden.read)('is read to the bit: $title', ({ file, shape, values }) => {
    const array = parseNpy(bytesOf(file));
    expect(array.shape).toEqual(shape);
    expect(array.values).toEqual(Float32Array.from(values, Number));
  });

  it.each(golden.refused)('is refused as what it is: $problem', ({ problem, file }) => {
    expect(() => parseNpy(bytesOf(file))).toThrow(NpyProblem);
    expect(() => parseNpy(bytesOf(file))).toThrow(problem);
  });

  it('may lie anywhere in memory', () => {
    const moved = new Uint8Array(steps.length + 3);
    moved.set(steps, 3);
    expect(parseNpy(moved.subarray(3))).toEqual(parseNpy(steps));
  });
});

describe('a file that is damaged or made up', () => {
  it('is told by how much it is too short or too long', () => {
    expect(() => parseNpy(steps.subarray(0, -1))).toThrow(
      'is cut short: [3, 4] of <f4 is 48 bytes, and 47 are there',
    );
    expect(() => parseNpy(Buffer.concat([steps, Buffer.alloc(2)]))).toThrow(
      'has bytes behind its array: [3, 4] of <f4 is 48 bytes, and 50 are there',
    );
    for (const length of [8, 9, 60]) {
      expect(() => parseNpy(steps.subarray(0, length))).toThrow('is cut short in its header');
    }
    expect(() => parseNpy(new Uint8Array())).toThrow('is empty');
    expect(() => parseNpy(Buffer.from('version https://git-lfs.github.com/spec/v1\n'))).toThrow('Git LFS');
    expect(() => parseNpy(Buffer.from('RIFF....WAVE'))).toThrow('is no .npy file');
  });

  it.each([
    "{'descr': '<f4', 'fortran_order': False, }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}",
    "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (4,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,2)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999, 999999999999999)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os')}",
  ])('is refused for its header: %s', (header) => {
    expect(() => parseNpy(withHeader(header))).toThrow('has a header that is not as NumPy writes it');
  });

  it('takes the keys in any order, and no more memory than the file is long', () => {
    expect(parseNpy(withHeader("{'shape': (2, 2), 'fortran_order': False, 'descr': '<f4'}")).shape).toEqual([
      2, 2,
    ]);
    expect(() =>
      parseNpy(withHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999,)}")),
    ).toThrow('is cut short: [9999999999] of <f4 is 39999999996 bytes, and 16 are there');
  });

  it('never ends otherwise than by an array or a problem, whatever byte is another', () => {
    const random = randomGenerator(1, 'npy');
    for (let run = 0; run < 20_000; run += 1) {
      const changed = steps.slice(0, random.integer(4) === 0 ? random.integer(steps.length) : steps.length);
      for (let n = random.integer(3); n >= 0; n -= 1) {
        if (changed.length > 0) changed[random.integer(changed.length)] = random.integer(256);
      }
      try {
        parseNpy(changed);
      } catch (error) {
        if (!(error instanceof NpyProblem)) throw error;
      }
    }
  });
});
