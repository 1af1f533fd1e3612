import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { emptyFiles, makeTree } from '../tree.ts';

const LISTS = {
  'ucfTrainTestlist/classInd.txt': '1 ApplyEyeMakeup\r\n2 Archery\r\n3 HandstandPushups\r\n',
  'ucfTrainTestlist/trainlist01.txt':
    'ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1\r\nArchery/v_Archery_g08_c02.avi 2\r\nHandstandPushups/v_HandStandPushups_g08_c01.avi 3\r\n',
  'ucfTrainTestlist/testlist01.txt':
    'ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi\r\nArchery/v_Archery_g01_c02.avi\r\nHandstandPushups/v_HandStandPushups_g01_c01.avi\r\n',
};
const CLIPS = [
  'ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi',
  'Archery/v_Archery_g08_c02.avi',
  'HandstandPushups/v_HandStandPushups_g08_c01.avi',
  'ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi',
  'Archery/v_Archery_g01_c02.avi',
  'HandstandPushups/v_HandStandPushups_g01_c01.avi',
].map((path) => `UCF-101/${path}`);
const ucfOf = (root: string, more: object = {}) =>
  datasetConfigSchema.parse({ format: 'ucf-101', root, validationShare: 0, ...more });

describe('UCF-101', () => {
  it('follows a published split: classes from 1, the source video as group', async () => {
    const root = await makeTree({ ...LISTS, ...emptyFiles(CLIPS) });
    const { classNames, clips, report } = await indexDataset(ucfOf(root));
    expect(classNames).toEqual(['ApplyEyeMakeup', 'Archery', 'HandstandPushups']);
    expect(clips.map(({ clipId, label, split, group }) => [clipId, label, split, group])).toEqual([
      ['v_ApplyEyeMakeup_g01_c01', 0, 'test', 'v_ApplyEyeMakeup_g01'],
      ['v_ApplyEyeMakeup_g08_c01', 0, 'train', 'v_ApplyEyeMakeup_g08'],
      ['v_Archery_g01_c02', 1, 'test', 'v_Archery_g01'],
      ['v_Archery_g08_c02', 1, 'train', 'v_Archery_g08'],
      ['v_HandStandPushups_g01_c01', 2, 'test', 'v_HandStandPushups_g01'],
      ['v_HandStandPushups_g08_c01', 2, 'train', 'v_HandStandPushups_g08'],
    ]);
    expect(report).toMatchObject({
      listed: 6,
      found: 6,
      splitRule: expect.stringContaining('split 1') as string,
    });
  });

  it('finds clips that were converted, and counts the missing and the unlisted', async () => {
    const converted = CLIPS.slice(0, 5).map((path) => path.replace('.avi', '.mp4'));
    const root = await makeTree({
      ...LISTS,
      ...emptyFiles([...converted, 'UCF-101/Archery/v_Archery_g25_c01.avi']),
    });
    const { report } = await indexDataset(ucfOf(root));
    expect(report).toMatchObject({
      found: 5,
      listedMissing: { count: 1, examples: ['v_HandStandPushups_g01_c01'] },
      unlisted: { count: 1, examples: ['Archery/v_Archery_g25_c01.avi'] },
    });
  });

  it('leaves out a clip whose number is not its class', async () => {
    const train = `${LISTS['ucfTrainTestlist/trainlist01.txt']}Archery/v_Archery_g09_c01.avi 1\r\n`;
    const root = await makeTree({
      ...LISTS,
      ...emptyFiles([...CLIPS, 'UCF-101/Archery/v_Archery_g09_c01.avi']),
      'ucfTrainTestlist/trainlist01.txt': train,
    });
    const { clips, report } = await indexDataset(ucfOf(root));
    expect(clips).toHaveLength(6);
    expect(report.notes).toContain(
      "Listed with a number that is not their folder's class, left out: 1 (v_Archery_g09_c01).",
    );
  });

  it('says what is wrong: no lists for this split, a class of no list, a number out of range', async () => {
    const root = await makeTree({ ...LISTS, ...emptyFiles(CLIPS) });
    await expect(indexDataset(ucfOf(root, { splitNumber: 2 }))).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('trainlist02.txt') as string,
    });
    const strange = await makeTree({
      ...LISTS,
      ...emptyFiles(CLIPS),
      'ucfTrainTestlist/testlist01.txt': 'Juggling/v_Juggling_g01_c01.avi\n',
    });
    await expect(indexDataset(ucfOf(strange))).rejects.toMatchObject({
      kind: 'config',
      where: `${join(strange, 'ucfTrainTestlist/testlist01.txt')}:1`,
      message: '"Juggling" is no class of classInd.txt',
    });
    const wide = await makeTree({
      ...LISTS,
      ...emptyFiles(CLIPS),
      'ucfTrainTestlist/trainlist01.txt': 'Archery/v_Archery_g08_c02.avi 102\n',
    });
    await expect(indexDataset(ucfOf(wide))).rejects.toMatchObject({
      kind: 'config',
      message: '"102" is no class number',
    });
  });
});
