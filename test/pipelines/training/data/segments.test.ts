/** Of the frames that a row holds, which a batch has: the middle of each segment in testing, any of it in training. */
import { describe, expect, it } from 'vitest';
import { BatchReader, type RowSource } from '../../../../pipelines/training/data/batches.ts';
import { chosenFrames, pickFrames } from '../../../../pipelines/training/data/segments.ts';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';

const [SEGMENTS, CANDIDATES, SIDE] = [2, 3, 4];

describe('the choice', () => {
  it('is the middle candidate of each segment without a generator', () => {
    expect(chosenFrames(6, 3)).toEqual([1, 4]);
    expect(chosenFrames(15, 5)).toEqual([2, 7, 12]);
    expect(chosenFrames(4, 1)).toEqual([0, 1, 2, 3]);
  });

  it('is uniform over a segment’s candidates with one, each segment for itself', () => {
    const counts = new Map<string, number>();
    const draws = 9_000;
    for (let n = 0; n < draws; n += 1) {
      const [a = -1, b = -1] = chosenFrames(6, 3, randomGenerator(0, 'segment', 0, n));
      counts.set(`${String(a)},${String(b)}`, (counts.get(`${String(a)},${String(b)}`) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([
      '0,3',
      '0,4',
      '0,5',
      '1,3',
      '1,4',
      '1,5',
      '2,3',
      '2,4',
      '2,5',
    ]);
    // 1,000 each; the deviation is 30.
    for (const count of counts.values()) expect(Math.abs(count - draws / 9)).toBeLessThan(150);
  });

  it('copies those frames', () => {
    const data = Uint8Array.from({ length: 12 }, (_, i) => i);
    const { shape, data: picked } = pickFrames({ data, shape: [6, 1, 2, 1] }, [1, 4]);
    expect([shape, [...picked]]).toEqual([
      [2, 1, 2, 1],
      [2, 3, 8, 9],
    ]);
  });
});

describe('a batch', () => {
  /** Every stored frame is of one grey, its number; flow of the same instants. */
  const source: RowSource = {
    labels: Int32Array.of(0, 1),
    missing: Uint8Array.of(0, 0),
    clipIds: ['a', 'b'],
    read: () => {
      const of = (channels: number) => ({
        data: Uint8Array.from(
          { length: SEGMENTS * CANDIDATES * SIDE * SIDE * channels },
          (_, i) => 40 * Math.floor(i / (SIDE * SIDE * channels)),
        ),
        shape: [SEGMENTS * CANDIDATES, SIDE, SIDE, channels] as [number, number, number, number],
      });
      return { rgb: of(3), flow: of(2) };
    },
  };
  const reader = () =>
    new BatchReader(source, {
      manifest: { normalisation: { flow: { mean: [0, 0], std: [1, 1] } } },
      modalities: ['rgb', 'flow'],
      cropPx: SIDE,
      candidates: CANDIDATES,
    });
  const rows = Int32Array.of(0, 1);
  const AUGMENT = { cropMinScale: 1, flip: false };
  /** Numbers of the frames, by clip. */
  const used = (variation?: { augment: typeof AUGMENT; seed: number; epoch: number }) => {
    const { rgb, flow } = reader().read(rows, variation).images;
    expect(rgb!.shape).toEqual([2, SEGMENTS, SIDE, SIDE, 3]);
    expect(flow!.shape).toEqual([2, SEGMENTS, SIDE, SIDE, 2]);
    const numbers = Array.from({ length: 2 * SEGMENTS }, (_, t) =>
      Math.round(flow!.values[t * SIDE * SIDE * 2]! / 40),
    );
    const red = numbers.map((n) => (40 * n - 0.485 * 255) / (0.229 * 255));
    red.forEach((value, t) => {
      expect(rgb!.values[t * SIDE * SIDE * 3]).toBeCloseTo(value, 4);
    });
    return numbers;
  };

  it('has the middle of each segment in testing', () => {
    expect(used()).toEqual([1, 4, 1, 4]);
  });

  it('draws for each epoch and clip in training, the same for rgb and flow, again the same for the same seed', () => {
    const drawn = (epoch: number, seed = 0) => used({ augment: AUGMENT, seed, epoch });
    const epochs = Array.from({ length: 12 }, (_, epoch) => drawn(epoch).join());
    expect(new Set(epochs).size).toBeGreaterThan(3);
    expect(drawn(3)).toEqual(drawn(3));
    expect(Array.from({ length: 12 }, (_, epoch) => drawn(epoch, 1).join())).not.toEqual(epochs);
  });
});
