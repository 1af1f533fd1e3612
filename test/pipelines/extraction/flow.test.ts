import { expect, test } from 'vitest';
import { encodeDisplacement, opticalFlow } from '../../../pipelines/extraction/flow.ts';

test('a texture that moves 3 px right and 2 px down has that flow', async () => {
  const [height, width] = [96, 128];
  const texture = (x: number, y: number) =>
    128 + 50 * Math.sin(0.31 * x + 0.11 * y) + 50 * Math.cos(0.23 * y - 0.17 * x);
  const data = new Uint8Array(2 * height * width * 3);
  for (let t = 0; t < 2; t += 1)
    for (let y = 0; y < height; y += 1)
      for (let x = 0; x < width; x += 1)
        data.fill(
          texture(x - 3 * t, y - 2 * t),
          ((t * height + y) * width + x) * 3,
          ((t * height + y) * width + x + 1) * 3,
        );
  const flow = await opticalFlow({ data, shape: [2, height, width, 3] }, 20);
  expect(flow.shape).toEqual([1, height, width, 2]);
  const pixels = (channel: number) => {
    const values: number[] = [];
    for (let y = 24; y < height - 24; y += 1)
      for (let x = 24; x < width - 24; x += 1)
        values.push(((flow.data[(y * width + x) * 2 + channel] ?? 0) / 255) * 40 - 20);
    return values.reduce((a, b) => a + b, 0) / values.length;
  };
  expect(Math.abs(pixels(0) - 3)).toBeLessThan(0.3);
  expect(Math.abs(pixels(1) - 2)).toBeLessThan(0.3);
});

test('displacements are clipped to the bound, and stillness is 128', () => {
  expect([-99, -20, 0, 20, 99].map((pixels) => encodeDisplacement(pixels, 20))).toEqual([
    0, 0, 128, 255, 255,
  ]);
});
