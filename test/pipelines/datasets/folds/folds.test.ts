import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { assembleIndex } from '../../../../pipelines/datasets/assemble-index.ts';
import type { FoundDataset, ListedClip } from '../../../../pipelines/datasets/dataset-adapter.ts';
import { dealGroups } from '../../../../pipelines/datasets/folds/stratified-groups.ts';
import type { Fold } from '../../../../schemas/config/folds.ts';

/** By scikit-learn: `golden/make_folds.py`. */
const golden = z
  .array(z.object({ counts: z.array(z.array(z.int())), folds: z.int(), dealt: z.array(z.int()) }))
  .parse(JSON.parse(await readFile(new URL('golden/folds.json', import.meta.url), 'utf8')));

/** Folds renamed by their first group: which of several empty folds is the first, rounding decides in scikit-learn. */
function byFirst(dealt: readonly number[]): number[] {
  const names = [...new Set(dealt)];
  return dealt.map((fold) => names.indexOf(fold));
}

const CLASSES = ['down', 'stop', 'up'];

/** Speakers with ten to twenty clips each, all listed for training. */
function foundOf(speakers: number, grouped = true): FoundDataset {
  const clips = Array.from({ length: speakers }, (_, s) =>
    Array.from({ length: 10 + (s % 3) * 5 }, (_, n): ListedClip => ({
      ...{ clipId: `s${String(s)}-${String(n)}`, path: '/x.mp4', label: n % CLASSES.length, split: 'train' },
      ...(grouped ? { group: `speaker ${String(s)}` } : {}),
    })),
  ).flat();
  return {
    ...{ classNames: CLASSES, clips, splitRule: 'its own', listed: clips.length, where: '/lists' },
    ...{ listedMissing: [], unlisted: [], notes: [] },
  };
}

const indexOf = (found: FoundDataset, fold: Fold, share = 0.2) => assembleIndex('csv', found, share, fold);
const groupsIn = (found: FoundDataset, fold: Fold, split: string, share?: number) =>
  new Set(
    indexOf(found, fold, share)
      .clips.filter((clip) => clip.split === split)
      .map(({ group }) => group),
  );

describe('folds by group and class', () => {
  it.each(golden)('are those of scikit-learn for $folds folds', ({ counts, folds, dealt }) => {
    expect(byFirst(dealGroups(counts, folds))).toEqual(byFirst(dealt));
  });

  const found = foundOf(12);
  const folds = [0, 1, 2, 3].map((index): Fold => ({ of: 4, index, seed: 0 }));

  it('test each clip in one fold, and have no speaker in two splits', () => {
    const tested = folds.flatMap((fold) =>
      indexOf(found, fold)
        .clips.filter(({ split }) => split === 'test')
        .map(({ clipId }) => clipId),
    );
    expect(tested.sort()).toEqual(found.clips.map(({ clipId }) => clipId).sort());
    for (const fold of folds) {
      const splits = ['train', 'validation', 'test'].map((split) => groupsIn(found, fold, split));
      for (const groups of splits) expect(groups.size).toBeGreaterThan(0);
      expect(new Set(splits.flatMap((groups) => [...groups])).size).toBe(
        splits.reduce((sum, groups) => sum + groups.size, 0),
      );
      expect(indexOf(found, fold).report.notes).toEqual([]);
    }
  });

  it('have about the same share of each class', () => {
    for (const fold of folds) {
      const test = indexOf(found, fold).clips.filter(({ split }) => split === 'test');
      for (const label of CLASSES.keys()) {
        const share = test.filter((clip) => clip.label === label).length / test.length;
        expect(Math.abs(share - 1 / 3)).toBeLessThan(0.05);
      }
    }
  });

  it('follow from the seed and not from the order of the list', () => {
    const turned = { ...found, clips: found.clips.toReversed() };
    expect(indexOf(turned, folds[1]!)).toEqual(indexOf(found, folds[1]!));
    const other = groupsIn(found, { of: 4, index: 1, seed: 1 }, 'test');
    expect([...other].sort()).not.toEqual([...groupsIn(found, folds[1]!, 'test')].sort());
  });

  it('take clips without a group for themselves, stratified', () => {
    const plain = foundOf(6, false);
    const sizes = folds.map(
      (fold) => indexOf(plain, fold, 0).clips.filter(({ split }) => split === 'test').length,
    );
    expect(sizes.reduce((sum, one) => sum + one, 0)).toBe(plain.clips.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(CLASSES.length);
  });

  it('cannot be more than the groups', () => {
    expect(() => indexOf(foundOf(3), folds[0]!)).toThrow('dataset.fold: 3 groups make no 4 folds');
  });
});

describe('a fold that leaves one group out', () => {
  const found = foundOf(5);

  it('tests that group, and validates with whole others', () => {
    for (let s = 0; s < 5; s += 1) {
      const fold: Fold = { testGroup: `speaker ${String(s)}`, seed: 0 };
      expect([...groupsIn(found, fold, 'test')]).toEqual([`speaker ${String(s)}`]);
      expect(groupsIn(found, fold, 'validation').size).toBe(1);
      expect(groupsIn(found, fold, 'train').size).toBe(3);
      expect(groupsIn(found, fold, 'validation', 0).size).toBe(0);
    }
  });

  it('says which groups there are when that one is none', () => {
    expect(() => indexOf(found, { testGroup: 'nobody', seed: 0 })).toThrow(
      /no clip is of the group "nobody"/u,
    );
  });
});
