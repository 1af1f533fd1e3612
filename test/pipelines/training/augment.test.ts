import { describe, expect, it } from 'vitest';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { centreView, randomView, renderView } from '../../../pipelines/training/augment.ts';

const PLAIN = { mean: [0], std: [1] };

/** One frame, one channel: value = 10·y + x. */
function ramp(height: number, width: number) {
  const data = Uint8Array.from(
    { length: height * width },
    (_, at) => 10 * Math.floor(at / width) + (at % width),
  );
  return { data, shape: [1, height, width, 1] as const };
}

function render(height: number, width: number, view: ReturnType<typeof centreView>, side: number) {
  const out = new Float32Array(side * side);
  renderView(ramp(height, width), view, side, PLAIN, out);
  return [...out];
}

describe('the centre view', () => {
  it('is the pixels in the middle, untouched', () => {
    expect(render(4, 6, centreView(4, 6, 2), 2)).toEqual([12, 13, 22, 23]);
  });

  it('is the largest square, resized, where the picture is smaller than the crop', () => {
    const values = render(2, 3, centreView(2, 3, 4), 4);
    expect(values.slice(0, 4)).toEqual([0, 0.25, 0.75, 1]);
    expect(values[15]).toBe(11);
  });
});

describe('a flipped view', () => {
  it('is the mirror image, and turns the sign of channels that point sideways', () => {
    const view = { ...centreView(1, 2, 2), width: 1, height: 1, left: 0, top: 0, flipped: true };
    const flow = { data: Uint8Array.of(138, 100, 128, 110), shape: [1, 1, 2, 2] as const };
    const out = new Float32Array(8);
    renderView(flow, view, 2, { mean: [128, 128], std: [2, 2], mirroredAround: [128, undefined] }, out);
    // Right pixel (u 0, v −18) comes first, then the left one with u = +10 turned to −10.
    expect([...out.subarray(0, 4)]).toEqual([0, -9, -5, -14]);
  });
});

describe('random views', () => {
  const augment = { cropMinScale: 0.25, flip: true };
  const views = Array.from({ length: 500 }, (_, row) =>
    randomView(randomGenerator(1, 'crop', 0, row), 60, 80, augment),
  );

  it('stay inside the picture, with the area and aspect asked for', () => {
    for (const { left, top, width, height } of views) {
      expect(left).toBeGreaterThanOrEqual(0);
      expect(top).toBeGreaterThanOrEqual(0);
      expect(left + width).toBeLessThanOrEqual(1 + 1e-9);
      expect(top + height).toBeLessThanOrEqual(1 + 1e-9);
      expect(width * height).toBeGreaterThan(0.23);
      const aspect = (width * 80) / (height * 60);
      expect(aspect).toBeGreaterThan(0.7);
      expect(aspect).toBeLessThan(1.4);
    }
  });

  it('are flipped half of the time, and never when flipping is off', () => {
    const share = views.filter(({ flipped }) => flipped).length / views.length;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
    const random = randomGenerator(1, 'crop', 0, 0);
    expect(randomView(random, 60, 80, { ...augment, flip: false }).flipped).toBe(false);
  });
});
