import { describe, expect, it } from 'vitest';
import { randomGenerator } from '../../../../../pipelines/random/generator.ts';
import {
  changeColours,
  drawColours,
  renderColours,
} from '../../../../../pipelines/training/data/pictures/vary-colours.ts';
import { testView } from '../../../../../pipelines/training/data/augment.ts';
import { renderView } from '../../../../../pipelines/training/data/pictures/render-view.ts';
import { augmentGolden } from '../read-augment-golden.ts';

const { picture, height, width, colours } = augmentGolden();

describe('changes of colours', () => {
  it.each(
    colours.map((one) => ({
      ...one,
      name: one.changes.map(({ kind, factor }) => `${kind} ${String(factor)}`).join(', '),
    })),
  )('are torchvision’s, and Pillow’s but for its rounding: $name', ({ changes, expected, pillow }) => {
    // Two pictures, of which the first must not count for the second's contrast.
    const pixels = height * width;
    const values = Float32Array.from([...Array<number>(3 * pixels).fill(9), ...picture]);
    changeColours(values, pixels, changes);
    const second = values.subarray(3 * pixels);
    second.forEach((value, at) => {
      expect(Math.abs(value - expected[at]!)).toBeLessThan(2e-3);
      if (pillow !== undefined) expect(Math.abs(value - pillow[at]!)).toBeLessThan(2);
    });
  });
});

describe('the draws of a clip', () => {
  const augment = { brightness: 0.4, contrast: 1.5, saturation: 0.2, hue: 0.1 };
  const drawn = Array.from({ length: 400 }, (_, row) =>
    drawColours(randomGenerator(1, 'colour', 0, row), augment),
  );

  it('are within their bounds, in every order', () => {
    const bounds = { brightness: [0.6, 1.4], contrast: [0, 2.5], saturation: [0.8, 1.2], hue: [-0.1, 0.1] };
    for (const [kind, [low, high]] of Object.entries(bounds)) {
      const factors = drawn.map((one) => one.find((change) => change.kind === kind)!.factor);
      const span = high! - low!;
      expect(Math.min(...factors)).toBeGreaterThanOrEqual(low!);
      expect(Math.min(...factors)).toBeLessThan(low! + 0.05 * span);
      expect(Math.max(...factors)).toBeLessThanOrEqual(high!);
      expect(Math.max(...factors)).toBeGreaterThan(high! - 0.05 * span);
    }
    expect(new Set(drawn.map((one) => one.map(({ kind }) => kind).join())).size).toBe(24);
  });

  it('hold only what is named', () => {
    const kinds = drawColours(randomGenerator(1, 'colour', 0, 0), { hue: 0.1 }).map(({ kind }) => kind);
    expect(kinds).toEqual(['hue']);
  });
});

describe('a picture rendered with changed colours', () => {
  it('is normalised as any, and without a change the same to single precision', () => {
    const pictures = { data: Uint8Array.from(picture), shape: [1, height, width, 3] as const };
    const scale = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
    const view = testView(height, width, 5, 'whole');
    const plain = new Float32Array(75);
    const changed = new Float32Array(75);
    renderView(pictures, view, 5, scale, plain);
    renderColours(pictures, view, 5, scale, [], changed);
    changed.forEach((value, at) => {
      expect(Math.abs(value - plain[at]!)).toBeLessThan(1e-5);
    });
    renderColours(pictures, view, 5, scale, [{ kind: 'brightness', factor: 0 }], changed);
    expect(changed[0]).toBeCloseTo(-123.675 / 58.395, 5);
  });
});
