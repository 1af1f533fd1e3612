import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { emptyFiles, makeTree } from '../tree.ts';

const folderOf = (root: string, more: object = {}) =>
  datasetConfigSchema.parse({ format: 'folder', root, validationShare: 0, ...more });

describe('a folder a class', () => {
  it('takes the split from the folders train, validation and test', async () => {
    const root = await makeTree(
      emptyFiles([
        'train/cat/a.mp4',
        'train/dog/deep/er/b.MKV',
        'val/cat/c.webm',
        'test/dog/d.mov',
        'test/cat/e.avi',
      ]),
    );
    const index = await indexDataset(folderOf(root));
    expect(index.classNames).toEqual(['cat', 'dog']);
    expect(index.clips.map(({ clipId, label, split }) => [clipId, label, split])).toEqual([
      ['test/cat/e.avi', 0, 'test'],
      ['test/dog/d.mov', 1, 'test'],
      ['train/cat/a.mp4', 0, 'train'],
      ['train/dog/deep/er/b.MKV', 1, 'train'],
      ['val/cat/c.webm', 0, 'validation'],
    ]);
  });

  it('splits class folders by hash, and a clip stays in its split when others come', async () => {
    const names = (count: number) =>
      Array.from({ length: count }, (_, i) => `${i % 2 === 0 ? 'cat' : 'dog'}/${String(i)}.mp4`);
    const options = { testShare: 0.25, validationShare: 0.2 };
    const few = await indexDataset(folderOf(await makeTree(emptyFiles(names(200))), options));
    const more = await indexDataset(folderOf(await makeTree(emptyFiles(names(220))), options));
    const splits = new Map(more.clips.map(({ clipId, split }) => [clipId, split]));
    for (const { clipId, split } of few.clips) expect(splits.get(clipId)).toBe(split);
    const count = (split: string) => few.clips.filter((clip) => clip.split === split).length;
    expect(count('test')).toBeGreaterThan(30);
    expect(count('test')).toBeLessThan(70);
    expect(count('validation')).toBeGreaterThan(15);
    expect(count('validation')).toBeLessThan(50);
  });

  it('leaves out hidden files and what is no media, and names clips outside a class folder', async () => {
    const root = await makeTree(
      emptyFiles(['cat/a.mp4', 'cat/.b.mp4', '.hidden/c.mp4', 'dog/d.mp4', 'dog/notes.txt', 'loose.mp4']),
    );
    const { clips, report } = await indexDataset(folderOf(root, { testShare: 0.5 }));
    expect(clips.map(({ clipId }) => clipId)).toEqual(['cat/a.mp4', 'dog/d.mp4']);
    expect(report.unlisted).toEqual({ count: 1, examples: ['loose.mp4'] });
    expect(report.notes).toContain('Files that are no media, left out: 1 (dog/notes.txt).');
  });

  it('follows links without walking in a circle, and passes over broken ones', async () => {
    const root = await makeTree(emptyFiles(['data/cat/a.mp4', 'data/dog/b.mp4', 'elsewhere/c.mp4']));
    const data = join(root, 'data');
    await symlink(join(root, 'elsewhere'), join(data, 'cat', 'linked'));
    await symlink(data, join(data, 'dog', 'circle'));
    await symlink(join(root, 'gone.mp4'), join(data, 'dog', 'broken.mp4'));
    const { clips } = await indexDataset(folderOf(data, { testShare: 0.5 }));
    expect(clips.map(({ clipId }) => clipId)).toEqual(['cat/a.mp4', 'cat/linked/c.mp4', 'dog/b.mp4']);
  });

  it('keeps the clips of a folder below the class in one split', async () => {
    const names = ['walk', 'run'].flatMap((name) =>
      Array.from({ length: 12 }, (_, recording) =>
        Array.from({ length: 5 }, (_unused, cut) => `${name}/park${String(recording)}/${String(cut)}.mp4`),
      ).flat(),
    );
    const { clips, report } = await indexDataset(
      folderOf(await makeTree(emptyFiles(names)), { testShare: 0.25, validationShare: 0.2 }),
    );
    expect(new Set(clips.map(({ group }) => group)).size).toBe(24);
    for (const group of new Set(clips.map((clip) => clip.group))) {
      expect(new Set(clips.filter((clip) => clip.group === group).map(({ split }) => split)).size).toBe(1);
    }
    expect(new Set(clips.map(({ split }) => split)).size).toBe(3);
    expect(report.splitRule).toContain('by hash of the recording (24 of them)');
    expect(report.notes).toEqual([]);
  });

  it('takes a folder that holds a whole class for no recording, and none for one when asked to', async () => {
    const tree = emptyFiles([
      ...['cat/videos/a.mp4', 'cat/videos/b.mp4', 'cat/videos/c.mp4'],
      ...['dog/monday/a.mp4', 'dog/monday/b.mp4', 'dog/tuesday/c.mp4'],
    ]);
    const groupsOf = async (more: object) =>
      (await indexDataset(folderOf(await makeTree(tree), more))).clips.map(({ group }) => group);
    expect(await groupsOf({})).toEqual([
      ...Array<undefined>(3).fill(undefined),
      ...['dog/monday', 'dog/monday', 'dog/tuesday'],
    ]);
    expect(await groupsOf({ subfolders: 'ignored' })).toEqual(Array<undefined>(6).fill(undefined));
  });

  it('groups by a pattern, within a class or over all, and names the clips that it misses', async () => {
    const names = ['anger', 'joy'].flatMap((emotion) =>
      Array.from({ length: 10 }, (_, i) => `${emotion}/s${String(i % 5)}_${String(i)}.mp4`),
    );
    const tree = emptyFiles([...names, 'joy/odd.mp4']);
    const indexed = async (groupPattern: string) =>
      await indexDataset(folderOf(await makeTree(tree), { groupPattern, testShare: 0.4 }));
    const inClass = await indexed('^(.+)_\\d+$');
    expect(inClass.clips.map(({ group }) => group)).toContain('anger/s3');
    expect(new Set(inClass.clips.flatMap(({ group }) => group ?? [])).size).toBe(10);
    expect(inClass.report.notes).toEqual([
      'Clips that dataset.groupPattern does not match, each a group of its own: 1 (joy/odd.mp4).',
    ]);
    const speakers = await indexed('/(s\\d+)_');
    const splitsOf = (speaker: string) =>
      new Set(speakers.clips.filter(({ group }) => group === speaker).map(({ split }) => split));
    for (const speaker of ['s0', 's1', 's2', 's3', 's4']) expect(splitsOf(speaker).size).toBe(1);
    expect(() => folderOf('x', { groupPattern: '(' })).toThrow('it is no regular expression');
  });

  it('warns of names that look like cuts of one recording, and not of mere numbers', async () => {
    const notesOf = async (paths: readonly string[], more: object = {}) =>
      (await indexDataset(folderOf(await makeTree(emptyFiles(paths)), { testShare: 0.5, ...more }))).report
        .notes;
    const cuts = ['walk', 'run'].flatMap((name) =>
      ['park', 'street'].flatMap((place) => [1, 2, 3].map((cut) => `${name}/${place}_0${String(cut)}.mp4`)),
    );
    expect(await notesOf(cuts)).toEqual([
      "Names that look like cuts of one recording, which may be in train and test both: 12 clips of 4 recordings (run/park_01, run/park_02, …): put a recording's clips into a folder of its own below the class, or name it by dataset.groupPattern ('^(.+)_\\d+$').",
    ]);
    const times = ['cat/show_000010_000020.mp4', 'cat/show_000020_000030.mp4', 'dog/a.mp4', 'dog/b.mp4'];
    expect(await notesOf(times)).toEqual([
      expect.stringContaining('2 clips of 1 recording (cat/show_000010'),
    ]);
    expect(await notesOf(cuts, { groupPattern: '^(.+)_\\d+$' })).toEqual([]);
    const numbered = ['cat', 'dog'].flatMap((name) =>
      Array.from({ length: 6 }, (_, i) => `${name}/${name}_${String(i)}.mp4`),
    );
    expect(await notesOf(numbered)).toEqual([]);
    // Folders train and test: only where a recording is in both.
    const placed = (split: string, places: readonly string[]) =>
      places.flatMap((place) => [1, 2].map((cut) => `${split}/walk/${place}_${split}${String(cut)}.mp4`));
    const run = ['train/run/x.mp4', 'test/run/y.mp4'];
    expect(await notesOf([...placed('train', ['a', 'b']), ...placed('test', ['c', 'd']), ...run])).toEqual(
      [],
    );
    expect(
      await notesOf([
        ...['train/walk/a_1.mp4', 'train/walk/b_1.mp4'],
        ...['test/walk/a_2.mp4', 'test/walk/b_2.mp4'],
        ...run,
      ]),
    ).toEqual([expect.stringContaining('4 clips of 2 recordings (walk/a_2, walk/a_1)')]);
  });

  it('makes ids of plain characters that stay apart', async () => {
    const root = await makeTree(emptyFiles(['cat/ä 1.mp4', 'cat/ö 1.mp4', 'dog/b.mp4']));
    const { clips } = await indexDataset(folderOf(root, { testShare: 0.5 }));
    expect(new Set(clips.map(({ clipId }) => clipId)).size).toBe(3);
    for (const { clipId } of clips) expect(clipId).toMatch(/^[A-Za-z0-9._/-]+$/u);
  });

  it('keeps the order of classes that was asked for, and refuses a folder that is none of them', async () => {
    const root = await makeTree(emptyFiles(['train/cat/a.mp4', 'train/dog/b.mp4', 'test/cat/c.mp4']));
    const { classNames, report } = await indexDataset(folderOf(root, { classes: ['dog', 'cat', 'owl'] }));
    expect(classNames).toEqual(['dog', 'cat', 'owl']);
    expect(report.notes).toContain('Classes without a train clip: 1 (owl).');
    await expect(indexDataset(folderOf(root, { classes: ['dog', 'owl'] }))).rejects.toMatchObject({
      kind: 'config',
      message: 'folders that are no class: 1 (cat)',
      where: root,
    });
  });

  it('says what is wrong when the folder is missing, has no class, one class or an empty split', async () => {
    const missing = join(await makeTree({}), 'nowhere');
    await expect(indexDataset(folderOf(missing))).rejects.toMatchObject({
      kind: 'config',
      message: `there is no folder ${missing}`,
      where: 'dataset.root',
    });
    const bare = await makeTree(emptyFiles(['a.mp4']));
    await expect(indexDataset(folderOf(bare))).rejects.toMatchObject({
      kind: 'config',
      message: 'there is no clip in a class folder',
    });
    const single = await makeTree(emptyFiles(['cat/a.mp4', 'cat/b.mp4']));
    await expect(indexDataset(folderOf(single))).rejects.toMatchObject({
      kind: 'config',
      message: 'there is only one class: cat',
    });
    const untested = await makeTree(emptyFiles(['train/cat/a.mp4', 'train/dog/b.mp4']));
    await mkdir(join(untested, 'test'));
    await expect(indexDataset(folderOf(untested))).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('the test split is empty') as string,
      fix: expect.any(String) as string,
    });
  });
});
