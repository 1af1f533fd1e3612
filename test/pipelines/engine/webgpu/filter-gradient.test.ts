/** The filter's gradient by its own shader, on a GPU made of software, beside TensorFlow's on the CPU. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { softwareGpu } from '../../../../infra/setup/steps/software-gpu.ts';
import { nodeWithTypeScript } from '../../../../infra/supervisor/supervise.ts';
import { piecesOf } from '../../../../pipelines/engine/webgpu/filter-gradient.ts';
import type { Case } from './filter-gradients-in-child.ts';

const CHILD = fileURLToPath(new URL('filter-gradients-in-child.ts', import.meta.url));

const CASES: readonly Case[] = [
  // The networks' own kinds of layer, smaller: a beginning, a block whose sums are cut, one that halves, its shortcut.
  { x: [1, 15, 13, 3], filter: [7, 7, 3, 8], stride: 2, pad: 3 },
  { x: [3, 12, 10, 8], filter: [3, 3, 8, 8], stride: 1, pad: 1 },
  { x: [1, 9, 8, 8], filter: [3, 3, 8, 12], stride: 2, pad: 1 },
  { x: [1, 8, 8, 8], filter: [1, 1, 8, 12], stride: 2, pad: 0 },
  // Two tiles each way, none of them full; numbers that nothing divides, one pixel.
  { x: [1, 4, 4, 66], filter: [1, 1, 66, 69], stride: 1, pad: 0 },
  { x: [1, 5, 5, 5], filter: [5, 5, 5, 3], stride: 1, pad: 0 },
];

/** Each twice. */
async function gradientsBy(env: Record<string, string>): Promise<(readonly [number[], number[]])[]> {
  const { program, args } = nodeWithTypeScript();
  const { stdout } = await execa(program, [...args, CHILD, JSON.stringify(CASES)], { env });
  return JSON.parse(stdout) as [number[], number[]][];
}

it('is TensorFlow’s up to rounding, and the same each time', { timeout: 300_000 }, async () => {
  const actual = await gradientsBy({ MODALMIX_ENGINE: 'webgpu', VK_DRIVER_FILES: softwareGpu()! });
  const expected = await gradientsBy({ MODALMIX_ENGINE: 'cpu' });
  for (const [index, [values]] of expected.entries()) {
    const { filter } = CASES[index]!;
    const [first, again] = actual[index]!;
    expect(first).toHaveLength(filter[0] * filter[1] * filter[2] * filter[3]);
    const largest = Math.max(...values.map(Math.abs));
    const apart = Math.max(...values.map((value, at) => Math.abs(value - first[at]!)));
    expect(largest).toBeGreaterThan(0.5);
    expect(apart / largest, JSON.stringify(CASES[index])).toBeLessThan(1e-5);
    expect(again).toEqual(first);
  }
});

it('cuts long sums into pieces that cover every pixel once, and short ones not', () => {
  for (const [rows, columns, pixels] of [
    [576, 64, 64 * 56 * 56],
    [4_608, 512, 64 * 7 * 7],
    [147, 64, 8 * 112 * 112],
    [9, 4, 300],
    [25, 3, 1],
  ] as const) {
    const { pieces, turns } = piecesOf({ rows, columns, pixels });
    expect(pieces * turns * 16).toBeGreaterThanOrEqual(pixels);
    expect((pieces - 1) * turns * 16).toBeLessThan(pixels);
  }
  expect(piecesOf({ rows: 576, columns: 64, pixels: 64 * 56 * 56 }).pieces).toBeGreaterThan(100);
  expect(piecesOf({ rows: 25, columns: 3, pixels: 100 }).pieces).toBe(1);
});
