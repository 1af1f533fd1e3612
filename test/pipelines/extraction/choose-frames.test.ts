/** Frames chosen from times alone are the ones whose time is nearest. */
import { expect, test } from 'vitest';
import { chooseFrames } from '../../../pipelines/extraction/choose-frames.ts';

/** Nearest to n / fps; of two that are equally near, the later. */
function nearest(times: readonly bigint[], unitS: number, fps: number, frames: number): bigint[] {
  return Array.from({ length: frames }, (_, n) => {
    const distance = (time: bigint) => Math.abs(Number(time) * unitS - n / fps);
    return times.reduce((best, time) => (distance(time) <= distance(best) ? time : best));
  });
}

test.each([
  { what: '25 fps at 1 fps', count: 80, step: 512n, first: 0n, den: 12_800, fps: 1 },
  { what: '25 fps at 3 fps', count: 80, step: 512n, first: 0n, den: 12_800, fps: 3 },
  { what: 'fewer frames than are wanted', count: 9, step: 1_000n, first: 0n, den: 2_000, fps: 4 },
  { what: 'a stream that begins late', count: 80, step: 512n, first: 30_000n, den: 12_800, fps: 2 },
  { what: 'a stream that begins before 0', count: 80, step: 512n, first: -1_024n, den: 12_800, fps: 2 },
])('the nearest frames are chosen: $what', ({ count, step, first, den, fps }) => {
  const times = Array.from({ length: count }, (_, i) => first + BigInt(i) * step);
  expect(chooseFrames(times, { num: 1, den }, fps, 3)).toEqual(nearest(times, 1 / den, fps, 3));
});

test('nothing is chosen while a later frame could still be nearer', () => {
  const times = [0n, 40n, 80n, 999n];
  expect(chooseFrames(times, { num: 1, den: 1_000 }, 1, 2)).toBeUndefined();
  // In the middle between 999 and 1,003: after the second sampling time.
  expect(chooseFrames([...times, 1_003n], { num: 1, den: 1_000 }, 1, 2)).toEqual([0n, 999n]);
});
