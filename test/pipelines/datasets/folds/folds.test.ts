import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { assembleIndex } from '../../../../pipelines/datasets/assemble-index.ts';
import {
  asFoundClips,
  type FoundDataset,
  type ListedClip,
} from '../../../../pipelines/datasets/dataset-adapter.ts';
import { dealGroups } from '../../../../pipelines/datasets/folds/stratified-groups.ts';
import { compareText } from '../../../../pipelines/datasets/list-files.ts';
import type { Clip } from '../../../../schemas/clip.ts';
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

const indexOf = async (found: FoundDataset, fold: Fold, validationShare = 0.2) => {
  const scratch = { folder: join(tmpdir(), 'never-made') };
  const index = await assembleIndex(asFoundClips(found), { format: 'csv', validationShare, fold, scratch });
  const clips: Clip[] = [];
  for await (const block of index.clips.blocks()) clips.push(...block);
  return { ...index, clips: clips.sort((a, b) => compareText(a.clipId, b.clipId)) };
};
const groupsIn = async (found: FoundDataset, fold: Fold, split: string, share?: number) =>
  new Set(
    (await indexOf(found, fold, share)).clips
      .filter((clip) => clip.split === split)
      .map(({ group }) => group),
  );

describe('folds by group and class', () => {
  it.each(golden)('are those of scikit-learn for $folds folds', ({ counts, folds, dealt }) => {
    expect(byFirst(dealGroups(counts, folds))).toEqual(byFirst(dealt));
  });

  const found = foundOf(12);
  const folds = [0, 1, 2, 3].map((index): Fold => ({ of: 4, index, seed: 0 }));

  it('test each clip in one fold, and have no speaker in two splits', async () => {
    const indices = await Promise.all(folds.map(async (fold) => await indexOf(found, fold)));
    const tested = indices.flatMap(({ clips }) =>
      clips.filter(({ split }) => split === 'test').map(({ clipId }) => clipId),
    );
    expect(tested.sort()).toEqual(found.clips.map(({ clipId }) => clipId).sort());
    for (const fold of folds) {
      const splits = await Promise.all(
        ['train', 'validation', 'test'].map(async (split) => await groupsIn(found, fold, split)),
      );
      for (const groups of splits) expect(groups.size).toBeGreaterThan(0);
      expect(new Set(splits.flatMap((groups) => [...groups])).size).toBe(
        splits.reduce((sum, groups) => sum + groups.size, 0),
      );
      expect((await indexOf(found, fold)).report.notes).toEqual([]);
    }
  });

  it('have about the same share of each class', async () => {
    for (const fold of folds) {
      const test = (await indexOf(found, fold)).clips.filter(({ split }) => split === 'test');
      for (const label of CLASSES.keys()) {
        const share = test.filter((clip) => clip.label === label).length / test.length;
        expect(Math.abs(share - 1 / 3)).toBeLessThan(0.05);
      }
    }
  });

  it('follow from the seed and not from the order of the list', async () => {
    const turned = { ...found, clips: found.clips.toReversed() };
    expect(await indexOf(turned, folds[1]!)).toEqual(await indexOf(found, folds[1]!));
    const other = await groupsIn(found, { of: 4, index: 1, seed: 1 }, 'test');
    expect([...other].sort()).not.toEqual([...(await groupsIn(found, folds[1]!, 'test'))].sort());
  });

  it('take clips without a group for themselves, stratified', async () => {
    const plain = foundOf(6, false);
    const sizes = await Promise.all(
      folds.map(
        async (fold) => (await indexOf(plain, fold, 0)).clips.filter(({ split }) => split === 'test').length,
      ),
    );
    expect(sizes.reduce((sum, one) => sum + one, 0)).toBe(plain.clips.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(CLASSES.length);
  });

  it('cannot be more than the groups', async () => {
    await expect(indexOf(foundOf(3), folds[0]!)).rejects.toThrow('dataset.fold: 3 groups make no 4 folds');
  });
});

describe('a fold that leaves one group out', () => {
  const found = foundOf(5);

  it('tests that group, and validates with whole others', async () => {
    for (let s = 0; s < 5; s += 1) {
      const fold: Fold = { testGroup: `speaker ${String(s)}`, seed: 0 };
      expect([...(await groupsIn(found, fold, 'test'))]).toEqual([`speaker ${String(s)}`]);
      expect((await groupsIn(found, fold, 'validation')).size).toBe(1);
      expect((await groupsIn(found, fold, 'train')).size).toBe(3);
      expect((await groupsIn(found, fold, 'validation', 0)).size).toBe(0);
    }
  });

  it('says which groups there are when that one is none', async () => {
    await expect(indexOf(found, { testGroup: 'nobody', seed: 0 })).rejects.toThrow(
      /no clip is of the group "nobody"/u,
    );
  });
});
