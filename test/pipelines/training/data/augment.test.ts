import { describe, expect, it } from 'vitest';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import { randomView } from '../../../../pipelines/training/data/augment.ts';

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
