import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { emptyFiles, makeTree } from '../tree.ts';

const EMOTIONS = ['NEU', 'HAP', 'SAD', 'FEA', 'DIS', 'ANG'];
const idsOf = (speakers: readonly number[]) =>
  speakers.flatMap((speaker) => EMOTIONS.map((emotion) => `${String(speaker)}_DFA_${emotion}_XX`));
const mediaOf = (ids: readonly string[]) =>
  emptyFiles(ids.flatMap((id) => [`VideoFlash/${id}.flv`, `AudioWAV/${id}.wav`]));
const listOf = (ids: readonly string[]) => ids.map((id) => `${id},${id.split('_')[2] ?? ''}\r\n`).join('');
const cremaOf = (root: string, more: object = {}) =>
  datasetConfigSchema.parse({ format: 'crema-d', root, validationShare: 0, ...more });

describe('CREMA-D', () => {
  it("follows the field's lists: no header, CRLF, emotions in their order, sound apart from video", async () => {
    const train = idsOf([1001]);
    const test = idsOf([1002]);
    const root = await makeTree({
      ...mediaOf([...train, ...test]),
      'lists/a.csv': listOf(train),
      'lists/b.csv': listOf(test),
    });
    const index = await indexDataset(
      cremaOf(root, { trainList: join(root, 'lists/a.csv'), testList: join(root, 'lists/b.csv') }),
    );
    expect(index.classNames).toEqual(EMOTIONS);
    expect(index.clips).toHaveLength(12);
    expect(index.clips.find(({ clipId }) => clipId === '1002_DFA_ANG_XX')).toEqual({
      clipId: '1002_DFA_ANG_XX',
      path: join(root, 'VideoFlash', '1002_DFA_ANG_XX.flv'),
      audioPath: join(root, 'AudioWAV', '1002_DFA_ANG_XX.wav'),
      label: 5,
      split: 'test',
      group: '1002',
    });
  });

  it('counts missing and unlisted files, clips with one medium only, and speakers in both splits', async () => {
    const [silent = '', blind = '', gone = '', ...others] = idsOf([1001, 1002]);
    const extra = '1003_DFA_SAD_XX';
    const media = mediaOf([...others, extra]);
    const root = await makeTree({
      ...media,
      ...emptyFiles([`VideoFlash/${silent}.flv`, `AudioWAV/${blind}.wav`, 'AudioWAV/readme.wav']),
      'train.csv': listOf([silent, blind, gone, ...others.slice(0, 6)]),
      'test.csv': listOf(others.slice(6)),
    });
    const { clips, report } = await indexDataset(cremaOf(root));
    expect(report.listedMissing).toEqual({ count: 1, examples: [gone] });
    expect(report.unlisted).toEqual({ count: 2, examples: [extra, 'readme'] });
    expect(report.notes).toEqual([
      `Without a video file, used with sound alone: 1 (${blind}).`,
      `Without a file in AudioWAV, used with the video file's sound: 1 (${silent}).`,
      "Files that are not named as CREMA-D's: 1 (readme).",
      'Groups in both train and test: 1 (1002), of 2.',
      'Classes without a test clip: 3 (HAP, NEU, SAD).',
    ]);
    expect(clips.find(({ clipId }) => clipId === blind)?.path).toBe(join(root, 'AudioWAV', `${blind}.wav`));
    expect(clips.find(({ clipId }) => clipId === silent)).not.toHaveProperty('audioPath');
  });

  it("draws validation by clip from the field's lists, as their speakers are in both", async () => {
    const speakers = Array.from({ length: 20 }, (_, i) => 1001 + i);
    const [train, test] = ['DFA', 'IEO'].map((sentence) =>
      idsOf(speakers).map((id) => id.replace('DFA', sentence)),
    ) as [string[], string[]];
    const root = await makeTree({
      ...mediaOf([...train, ...test]),
      'train.csv': listOf(train),
      'test.csv': listOf(test),
    });
    const { clips, report } = await indexDataset(cremaOf(root, { validationShare: 0.1 }));
    const trained = new Set(clips.filter(({ split }) => split === 'train').map(({ group }) => group));
    expect(clips.filter(({ split, group }) => split === 'test' && !trained.has(group))).toEqual([]);
    const drawn = clips.filter(({ split }) => split === 'validation').map(({ label }) => label);
    expect(drawn.sort()).toEqual(EMOTIONS.flatMap((_, label) => [label, label]));
    expect(report.splitRule).toContain('validation: 0.1 of train by hash of the clip, class by class');
  });

  it('splits without a speaker in two splits when asked to', async () => {
    const speakers = Array.from({ length: 40 }, (_, i) => 1001 + i);
    const root = await makeTree(mediaOf(idsOf(speakers)));
    const { clips, report } = await indexDataset(
      cremaOf(root, { split: 'speakers', testShare: 0.25, validationShare: 0.2 }),
    );
    expect(clips).toHaveLength(240);
    for (const speaker of speakers) {
      const splits = clips.filter(({ group }) => group === String(speaker)).map(({ split }) => split);
      expect(new Set(splits).size).toBe(1);
    }
    expect(new Set(clips.map(({ split }) => split)).size).toBe(3);
    expect(report.splitRule).toContain('speaker-disjoint');
    expect(report.notes.filter((note) => note.startsWith('Groups'))).toEqual([]);
  });

  it('says what is wrong: no folder, no list, a label that is none', async () => {
    const ids = idsOf([1001]);
    await expect(indexDataset(cremaOf(await makeTree({})))).rejects.toMatchObject({
      kind: 'config',
      where: "dataset.root (CREMA-D's VideoFlash)",
    });
    const unlisted = await makeTree(mediaOf(ids));
    await expect(indexDataset(cremaOf(unlisted))).rejects.toMatchObject({
      kind: 'config',
      where: 'dataset.trainList',
      fix: expect.stringContaining('speakers') as string,
    });
    const wrong = await makeTree({
      ...mediaOf(ids),
      'train.csv': `${listOf(ids)}1001_DFA_JOY_XX,JOY\r\n`,
      'test.csv': listOf(ids),
    });
    await expect(indexDataset(cremaOf(wrong))).rejects.toMatchObject({
      kind: 'config',
      where: `${join(wrong, 'train.csv')}:7`,
      message: '"JOY" is no class',
    });
  });
});
