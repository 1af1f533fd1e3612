import { describe, expect, it } from 'vitest';
import type { ListedClip } from '../../../pipelines/datasets/dataset-adapter.ts';
import { splitClips } from '../../../pipelines/datasets/split-clips.ts';

type Facts = Omit<ListedClip, 'path'>;
const clipsOf = (facts: readonly Facts[]) => facts.map((one): ListedClip => ({ path: '-', ...one }));
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => make(i));
const VALIDATION = { test: 0, validation: 0.1 };

/** Shaped as CREMA-D's lists: every speaker in both; 6 classes. */
const sharedSpeakers = clipsOf(
  times(30, (speaker) =>
    times(60, (i) => ({
      clipId: `${String(speaker)}_${String(i)}`,
      label: i % 6,
      group: String(speaker),
      split: i % 10 === 9 ? ('test' as const) : ('train' as const),
    })),
  ).flat(),
);

describe('the validation split', () => {
  it('is drawn by clip, the same share of each class, where the lists share speakers', () => {
    const split = splitClips(sharedSpeakers, VALIDATION);
    const training = new Set(split.filter((clip) => clip.split === 'train').map(({ group }) => group));
    expect(split.filter((clip) => clip.split === 'test' && !training.has(clip.group))).toEqual([]);
    for (const label of times(6, Number)) {
      const ofClass = sharedSpeakers.filter((clip) => clip.label === label && clip.split === 'train').length;
      const drawn = split.filter((clip) => clip.label === label && clip.split === 'validation').length;
      expect(drawn).toBe(Math.round(0.1 * ofClass));
    }
    expect(split.filter((clip) => clip.split === 'test')).toHaveLength(30 * 6);
  });

  it('does not depend on the order of the clips, and moves few of them when others come', () => {
    const drawn = (clips: readonly ListedClip[]) =>
      new Set(
        splitClips(clips, VALIDATION)
          .filter((clip) => clip.split === 'validation')
          .map(({ clipId }) => clipId),
      );
    const all = drawn(sharedSpeakers);
    expect(drawn([...sharedSpeakers].reverse())).toEqual(all);
    const fewer = drawn(sharedSpeakers.slice(0, -60));
    expect([...fewer].filter((id) => !all.has(id)).length).toBeLessThan(0.1 * fewer.size);
  });

  it('takes whole groups, of every class, where no group of the test is in train', () => {
    const clips = clipsOf(
      times(12, (label) =>
        times(20, (source) =>
          times(5, (cut) => ({
            clipId: `v${String(label)}_g${String(source)}_c${String(cut)}`,
            label,
            group: `v${String(label)}_g${String(source)}`,
            split: source < 5 ? ('test' as const) : ('train' as const),
          })),
        ).flat(),
      ).flat(),
    );
    const split = splitClips(clips, VALIDATION);
    for (const label of times(12, Number)) {
      const drawn = split.filter((clip) => clip.label === label && clip.split === 'validation');
      expect(drawn).toHaveLength(2 * 5);
      expect(new Set(drawn.map(({ group }) => group)).size).toBe(2);
    }
  });

  it('leaves a group that the test has, too, in train when most of the test is of other groups', () => {
    const clips = clipsOf([
      ...times(100, (i) => ({
        clipId: `train-${String(i)}`,
        label: i % 2,
        group: `video-${String(i)}`,
        split: 'train' as const,
      })),
      ...times(40, (i) => ({
        clipId: `test-${String(i)}`,
        label: i % 2,
        group: `video-${String(i < 15 ? i : 1000 + i)}`,
        split: 'test' as const,
      })),
    ]);
    const split = splitClips(clips, { test: 0, validation: 0.5 });
    const drawn = split.filter((clip) => clip.split === 'validation').map(({ group }) => group);
    expect(drawn).toHaveLength(Math.round(0.5 * 42) + Math.round(0.5 * 43));
    expect(drawn.filter((group) => Number(group?.slice(6)) < 15)).toEqual([]);
  });

  it('holds whole groups out of a test by hash, of every class that has two', () => {
    const clips = clipsOf(
      times(40, (label) =>
        times(3, (source) =>
          times(4, (cut) => ({
            clipId: `${String(label)}/${String(source)}/${String(cut)}`,
            label,
            group: `${String(label)}/${String(source)}`,
          })),
        ).flat(),
      ).flat(),
    );
    const split = splitClips(clips, { test: 0.2, validation: 0 });
    for (const label of times(40, Number)) {
      const of = (name: string) =>
        new Set(
          split.filter((clip) => clip.label === label && clip.split === name).map(({ group }) => group),
        );
      expect(of('test').size).toBeGreaterThan(0);
      expect(of('train').size).toBeGreaterThan(0);
      expect([...of('test')].filter((group) => of('train').has(group))).toEqual([]);
    }
  });
});
