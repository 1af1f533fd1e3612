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
