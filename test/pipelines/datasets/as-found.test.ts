/** Lists and folders as people have them: other separators, encodings, capitals and accents, and files that are not there. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { indexDataset } from '../../../pipelines/datasets/index-dataset.ts';
import { authoriseFile, realRoots } from '../../../pipelines/streaming/ingest/authorise-clip.ts';
import { datasetConfigSchema } from '../../../schemas/config/dataset-config.ts';
import { emptyFiles, makeTree } from './tree.ts';

const POINTER =
  'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n';
const indexOf = async (config: object) =>
  await indexDataset(datasetConfigSchema.parse({ validationShare: 0, ...config }));

describe('a table', () => {
  const ROWS = [
    ['path', 'label', 'split'],
    ['a.mp4', 'bark', 'train'],
    ['b.mp4', 'meow', 'test'],
    ['', '', ''],
  ];
  const text = (separator: string) => ROWS.map((row) => row.join(separator)).join('\r\n');

  it.each([
    ['commas', Buffer.from(text(','))],
    ['semicolons', Buffer.from(text(';'))],
    ['tabs', Buffer.from(text('\t'))],
    ['a line that names its separator', Buffer.from(`sep=;\r\n${text(';')}`)],
    ['UTF-16 with its mark', Buffer.from(`\ufeff${text('\t')}`, 'utf16le')],
    ['UTF-16 without it', Buffer.from(text(','), 'utf16le')],
    ['UTF-16, the other way round', Buffer.from(`\ufeff${text(';')}`, 'utf16le').swap16()],
  ])('is read with %s and rows of separators at its end', async (_, bytes) => {
    const root = await makeTree(emptyFiles(['a.mp4', 'b.mp4']));
    await writeFile(join(root, 'clips.csv'), bytes);
    const { classNames, clips } = await indexOf({ format: 'csv', file: join(root, 'clips.csv') });
    expect(classNames).toEqual(['bark', 'meow']);
    expect(clips.map(({ clipId, label, split }) => [clipId, label, split])).toEqual([
      ['a.mp4', 0, 'train'],
      ['b.mp4', 1, 'test'],
    ]);
  });

  it('in another encoding, or never fetched, is refused in one sentence', async () => {
    const root = await makeTree({ 'pointer.csv': POINTER });
    await writeFile(join(root, 'latin.csv'), Buffer.from('path,label\na.mp4,été\n', 'latin1'));
    await expect(indexOf({ format: 'csv', file: join(root, 'latin.csv') })).rejects.toMatchObject({
      ...{ kind: 'config', where: join(root, 'latin.csv'), message: 'the list is not in UTF-8' },
    });
    await expect(indexOf({ format: 'csv', file: join(root, 'pointer.csv') })).rejects.toMatchObject({
      ...{ kind: 'config', message: 'it is a Git LFS pointer, not the file itself' },
      fix: expect.stringContaining('git lfs pull') as string,
    });
  });
});

describe('a list of Kinetics-Sounds', () => {
  it.each([
    ['tabs', (id: string, label: string) => `${id}\t10\t${label}`],
    ['spaces', (id: string, label: string) => `${id} 10 ${label}`],
    ['spaces, without times', (id: string, label: string) => `${id} ${label}`],
    ['commas', (id: string, label: string) => `${id},10,${label}`],
    ['semicolons', (id: string, label: string) => `${id};10;${label}`],
  ])('keeps labels of several words apart, by %s', async (_, line) => {
    const train = [
      line('aaaaaaaaaaa_1', 'playing guitar'),
      line('bbbbbbbbbbb_1', 'playing bass guitar'),
      ',,',
    ];
    const test = [line('ccccccccccc_1', 'playing guitar'), line('ddddddddddd_1', 'playing bass guitar')];
    const root = await makeTree({
      'train.txt': train.join('\n'),
      'test.txt': test.join('\n'),
      ...emptyFiles(['a', 'b', 'c', 'd'].map((letter) => `clips/${letter.repeat(11)}_1.mp4`)),
    });
    const { classNames, clips } = await indexOf({
      ...{ format: 'kinetics-sounds', root: join(root, 'clips') },
      ...{ trainList: join(root, 'train.txt'), testList: join(root, 'test.txt') },
    });
    expect(classNames).toEqual(['playing bass guitar', 'playing guitar']);
    expect(clips.map(({ label }) => label)).toEqual([1, 0, 1, 0]);
  });
});

describe('UCF-101', () => {
  const LISTS = {
    'ucfTrainTestlist/classInd.txt': '1 Archery\n2 HandstandPushups\n',
    'ucfTrainTestlist/trainlist01.txt':
      'Archery/v_Archery_g08_c01.avi 1\nHandStandPushups/v_HandStandPushups_g08_c01.avi 2\n',
    'ucfTrainTestlist/testlist01.txt':
      'Archery/v_Archery_g01_c01.avi\nHandStandPushups/v_HandStandPushups_g01_c01.avi\n',
  };
  const CLIPS = ['Archery/v_Archery', 'HandstandPushups/v_HandstandPushups'].flatMap((name) =>
    ['g08', 'g01'].map((group) => `UCF-101/${name}_${group}_c01.avi`),
  );

  it('finds clips whose capitals are others than the lists’, and says so', async () => {
    const root = await makeTree({ ...LISTS, ...emptyFiles(CLIPS) });
    const { clips, report } = await indexOf({ format: 'ucf-101', root });
    expect(clips.map(({ clipId, label }) => [clipId, label])).toEqual([
      ['v_Archery_g01_c01', 0],
      ['v_Archery_g08_c01', 0],
      ['v_HandStandPushups_g01_c01', 1],
      ['v_HandStandPushups_g08_c01', 1],
    ]);
    expect(report.unlisted.count).toBe(0);
    expect(report.notes.join('\n')).toContain('capitals elsewhere than the lists: 2 (v_HandStandPushups_g01');
  });

  it('takes no clip where two could be meant', async () => {
    const twin = 'UCF-101/HandstandPushups/v_handstandpushups_g08_c01.avi';
    const root = await makeTree({ ...LISTS, ...emptyFiles([...CLIPS, twin]) });
    const { report } = await indexOf({ format: 'ucf-101', root });
    expect(report.listedMissing).toEqual({ count: 1, examples: ['v_HandStandPushups_g08_c01'] });
  });
});

describe('folders', () => {
  it('with one name in two forms of its accents are one class', async () => {
    const root = await makeTree(
      emptyFiles([
        ...['a', 'b', 'c'].map((name) => `${'été'.normalize('NFC')}/${name}.mp4`),
        ...['a', 'b', 'c'].map((name) => `${'été'.normalize('NFD')}/${name}.mp4`),
        ...['a', 'b', 'c'].map((name) => `hiver/${name}.mp4`),
      ]),
    );
    const { classNames, clips } = await indexOf({ format: 'folder', root });
    expect(classNames).toEqual(['hiver', 'été'.normalize('NFC')]);
    expect(clips.filter(({ label }) => label === 1)).toHaveLength(6);
  });

  it('with a name that is no UTF-8 are told, not passed over', async () => {
    const root = await makeTree(emptyFiles(['a/1.mp4', 'b/1.mp4']));
    await mkdir(Buffer.concat([Buffer.from(`${root}/`), Buffer.from('été', 'latin1')]));
    await expect(indexOf({ format: 'folder', root })).rejects.toMatchObject({
      ...{ kind: 'config', message: "the folder's name is not UTF-8" },
      where: join(root, '\ufffdt\ufffd'),
    });
  });

  it('that this user may not read are named', async () => {
    const root = await mkdtemp(join(tmpdir(), 'modalmix-unreadable-'));
    const closed = join(root, 'a', 'closed');
    const isRoot = process.geteuid?.() === 0;
    onTestFinished(async () => {
      if (isRoot) process.seteuid?.(0);
      await chmod(closed, 0o700);
      await rm(root, { recursive: true, force: true });
    });
    await mkdir(closed, { recursive: true });
    await Promise.all([chmod(root, 0o755), chmod(closed, 0o000)]);
    if (isRoot) process.seteuid?.(65_534);
    await expect(indexOf({ format: 'folder', root })).rejects.toMatchObject({
      ...{ kind: 'config', where: closed, message: 'the folder cannot be read (EACCES)' },
      fix: expect.stringContaining('chmod') as string,
    });
  });

  it('of Git LFS pointers are told as such', async () => {
    const names = ['a', 'b'].flatMap((name) => [1, 2, 3].map((i) => `${name}/${String(i)}.mp4`));
    const root = await makeTree(Object.fromEntries(names.map((name) => [name, POINTER])));
    await expect(indexOf({ format: 'folder', root })).rejects.toMatchObject({
      ...{ kind: 'config', where: join(root, 'a/1.mp4') },
      ...{ message: 'it is a Git LFS pointer, not the file itself' },
      fix: expect.stringContaining('git lfs pull') as string,
    });
  });
});

it('an event’s URI may hold # and ? as they are', async () => {
  const root = await makeTree({ 'take #2?.mp4': 'media' });
  const allowed = { roots: await realRoots([root]), maxBytes: 100 };
  const real = join(allowed.roots[0]!, 'take #2?.mp4');
  expect(await authoriseFile(`file://${root}/take%20%232%3F.mp4`, allowed)).toBe(real);
  expect(await authoriseFile(`file://${root}/take #2?.mp4`, allowed)).toBe(real);
  await expect(authoriseFile(`file://${root}/take.mp4#t=1`, allowed)).rejects.toMatchObject({
    ...{ code: 'missing-file', message: expect.stringContaining('# and ? are taken for letters') as string },
  });
});
