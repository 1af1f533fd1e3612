import { describe, expect, it } from 'vitest';
import { DRIFT_CLIPS, drawRows } from '../../../pipelines/models/drift-sample.ts';
import { FeatureMoments, featureShift } from '../../../pipelines/models/drift.ts';
import { partRows } from '../../../pipelines/shards/read/part-rows.ts';
import type { Split } from '../../../schemas/clip.ts';
import type { ShardEntry } from '../../../schemas/manifest.ts';

function shard(path: string, split: Split, rows: number): ShardEntry {
  const nothing = { bytes: 0, sha256: '', classCounts: [], missingCounts: {}, sums: {}, quarantined: [] };
  return { path, split, rows, key: path, ...nothing };
}

const manifest = {
  shards: [
    shard('a', 'train', 3_000),
    shard('b', 'test', 500),
    shard('new-a', 'train', 40),
    shard('c', 'train', 1_000),
    shard('new-b', 'test', 10),
    shard('d', 'validation', 700),
  ],
};
const fresh = ['new-a', 'new-b'];

describe('the rows of certain shards', () => {
  it('are numbered as the split is read, whatever lies between', () => {
    const { inside, outside } = partRows(manifest, 'train', fresh);
    expect([...inside]).toEqual(Array.from({ length: 40 }, (_, i) => 3_000 + i));
    expect(outside).toHaveLength(4_000);
    expect([outside[2_999], outside[3_000]]).toEqual([2_999, 3_040]);
  });
});

describe('the sample that drift is told from', () => {
  it('has all new clips, and of the many old ones as many as are needed, from both splits', () => {
    const added = drawRows(manifest, fresh, 'inside');
    expect([added.train.length, added.test.length, added.count]).toEqual([40, 10, 50]);
    const old = drawRows(manifest, fresh, 'outside');
    expect(old.train.length + old.test.length).toBe(DRIFT_CLIPS);
    expect(old.count).toBe(DRIFT_CLIPS);
    // 4,000 of 4,500 are in the training split.
    expect(old.train.length / DRIFT_CLIPS).toBeCloseTo(4_000 / 4_500, 1);
    for (const rows of [old.train, old.test]) {
      expect([...new Set(rows)].sort((a, b) => a - b)).toEqual([...rows]);
    }
    expect(old.train.some((row) => row >= 3_000 && row < 3_040)).toBe(false);
    expect(old.train.some((row) => row >= 3_040)).toBe(true);
  });

  it('is the same each time', () => {
    expect(drawRows(manifest, fresh, 'outside')).toEqual(drawRows(manifest, fresh, 'outside'));
  });
});

describe('the shift of features', () => {
  const momentsOf = (...vectors: number[][]) => {
    const moments = new FeatureMoments(2);
    for (const vector of vectors) moments.add(Float32Array.from(vector));
    return moments;
  };

  it('is the distance of the means in deviations of the old ones', () => {
    // Means (1, 0) and (4, 4): 5 apart. Variances 4/6 and 18/6.
    const old = momentsOf([0, 0], [2, 0], [0, 3], [2, -3], [1, 0], [1, 0]);
    expect(old.spread()).toBeCloseTo(4 / 6 + 18 / 6, 12);
    expect(featureShift(old, momentsOf([4, 4]))).toBeCloseTo(5 / Math.sqrt(22 / 6), 12);
    expect(featureShift(old, old)).toBe(0);
  });

  it('is not told where a side is empty or the old clips are all alike', () => {
    expect(featureShift(momentsOf(), momentsOf([1, 1]))).toBeUndefined();
    expect(featureShift(momentsOf([1, 1]), momentsOf())).toBeUndefined();
    expect(featureShift(momentsOf([1, 1], [1, 1]), momentsOf([2, 2]))).toBeUndefined();
  });
});
