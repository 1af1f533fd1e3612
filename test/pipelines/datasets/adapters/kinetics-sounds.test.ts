import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { emptyFiles, makeTree } from '../tree.ts';

const kineticsOf = (root: string, more: object = {}) =>
  datasetConfigSchema.parse({
    format: 'kinetics-sounds',
    root: join(root, 'clips'),
    trainList: join(root, 'my_train.txt'),
    testList: join(root, 'my_test.txt'),
    validationShare: 0,
    ...more,
  });

describe('Kinetics-Sounds', () => {
  it("finds clips under every name they have, flat or in class folders, by the comma lists' ids", async () => {
    const root = await makeTree({
      'my_train.txt':
        '--4-0ihtnBU_000058_000068,10,1\r\n--6q_33gNew_000132_000142,10,0\r\n-1IlTIWPNs4_000027_000037,10,2\r\n',
      'my_test.txt': '-3Mwkq-7TV4_2,10,0\n-74csnCOiUs_0,10,1\n-942XqJakUQ_12,10,2\n',
      ...emptyFiles([
        'clips/tap dancing/--4-0ihtnBU_000058_000068.mp4',
        'clips/--6q_33gNew.mp4',
        'clips/-1IlTIWPNs4_27_37.webm',
        'clips/-3Mwkq-7TV4_000002_000012.mp4',
        'clips/-74csnCOiUs_0.mkv',
        'clips/-942XqJakUQ_000012_000022.mp4',
        'clips/-942XqJakUQ_000012_000022.wav',
        'clips/___________.mp4',
      ]),
    });
    const { classNames, clips, report } = await indexDataset(kineticsOf(root));
    expect(classNames).toEqual(['0', '1', '2']);
    const found = clips.map(({ clipId, path, label, split, group }) => [
      clipId,
      path.slice(join(root, 'clips/').length),
      label,
      split,
      group,
    ]);
    expect(found).toEqual([
      ['--4-0ihtnBU_000058_000068', 'tap dancing/--4-0ihtnBU_000058_000068.mp4', 1, 'train', '--4-0ihtnBU'],
      ['--6q_33gNew_000132_000142', '--6q_33gNew.mp4', 0, 'train', '--6q_33gNew'],
      ['-1IlTIWPNs4_000027_000037', '-1IlTIWPNs4_27_37.webm', 2, 'train', '-1IlTIWPNs4'],
      ['-3Mwkq-7TV4_2', '-3Mwkq-7TV4_000002_000012.mp4', 0, 'test', '-3Mwkq-7TV4'],
      ['-74csnCOiUs_0', '-74csnCOiUs_0.mkv', 1, 'test', '-74csnCOiUs'],
      ['-942XqJakUQ_12', '-942XqJakUQ_000012_000022.mp4', 2, 'test', '-942XqJakUQ'],
    ]);
    expect(report.unlisted).toEqual({ count: 1, examples: ['___________.mp4'] });
    expect(report.notes[0]).toContain('--6q_33gNew_000132_000142');
  });

  it('reads lists by spaces with names of classes, and counts what was never downloaded', async () => {
    const root = await makeTree({
      'my_train.txt':
        'aaaaaaaaaaa_000001_000011 10 0\nbbbbbbbbbbb_000001_000011 10 1\nccccccccccc_000001_000011 10 1\n',
      'my_test.txt': 'ddddddddddd_000001_000011.mp4 1\n',
      'classes.txt': 'playing bagpipes\nbowling\n',
      ...emptyFiles(
        ['aaaaaaaaaaa', 'bbbbbbbbbbb', 'ddddddddddd'].map((id) => `clips/${id}_000001_000011.mp4`),
      ),
    });
    const { classNames, clips, report } = await indexDataset(
      kineticsOf(root, { classList: join(root, 'classes.txt') }),
    );
    expect(classNames).toEqual(['playing bagpipes', 'bowling']);
    expect(clips.map(({ label, split }) => [label, split])).toEqual([
      [0, 'train'],
      [1, 'train'],
      [1, 'test'],
    ]);
    expect(report).toMatchObject({
      listed: 4,
      found: 3,
      listedMissing: { count: 1, examples: ['ccccccccccc_000001_000011'] },
    });
  });

  it('does not give one uncut video to two clips', async () => {
    const root = await makeTree({
      'my_train.txt':
        'aaaaaaaaaaa_000001_000011,10,0\naaaaaaaaaaa_000031_000041,10,0\nbbbbbbbbbbb_000001_000011,10,1\n',
      'my_test.txt': 'ccccccccccc_1,10,1\n',
      ...emptyFiles(['clips/aaaaaaaaaaa.mp4', 'clips/bbbbbbbbbbb.mp4', 'clips/ccccccccccc.mp4']),
    });
    const { report } = await indexDataset(kineticsOf(root));
    expect(report.listedMissing.count).toBe(2);
  });

  it('names file and line of a label out of range and of a line without one', async () => {
    const lists = {
      'my_test.txt': 'ccccccccccc_1,10,1\n',
      'classes.txt': 'a\nb\n',
      ...emptyFiles(['clips/x.mp4']),
    };
    const wide = await makeTree({ ...lists, 'my_train.txt': 'aaaaaaaaaaa_1,10,0\nbbbbbbbbbbb_1,10,2\n' });
    await expect(
      indexDataset(kineticsOf(wide, { classList: join(wide, 'classes.txt') })),
    ).rejects.toMatchObject({
      kind: 'config',
      where: `${join(wide, 'my_train.txt')}:2`,
      message: '"2" is no class',
    });
    const short = await makeTree({ ...lists, 'my_train.txt': 'aaaaaaaaaaa_1,10,0\n\nbbbbbbbbbbb_1\n' });
    await expect(indexDataset(kineticsOf(short))).rejects.toMatchObject({
      kind: 'config',
      where: `${join(short, 'my_train.txt')}:3`,
    });
    const none = await makeTree(lists);
    await expect(indexDataset(kineticsOf(none))).rejects.toMatchObject({
      kind: 'config',
      where: 'dataset.trainList',
    });
  });
});
