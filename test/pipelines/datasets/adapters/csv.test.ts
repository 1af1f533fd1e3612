import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { emptyFiles, makeTree } from '../tree.ts';

const csvOf = (file: string, more: object = {}) =>
  datasetConfigSchema.parse({ format: 'csv', file, validationShare: 0, ...more });

async function tableOf(text: string, files: readonly string[] = ['a.mp4', 'b.mp4', 'c.mp4']) {
  const root = await makeTree({ 'clips.csv': text, ...emptyFiles(files) });
  return { root, file: join(root, 'clips.csv') };
}

describe('a table of clips', () => {
  it('reads every column, with a byte order mark, CRLF, quotes and capitals in the header', async () => {
    const { root, file } = await tableOf(
      '\uFEFFPath,Label,split,id,group,start,end,audio_path\r\n' +
        'a.mp4,"bark, loud",train,one,g1,0.5,2,c.mp4\r\n' +
        'b.mp4,meow,test,two,g2,,,\r\n',
    );
    const { classNames, clips } = await indexDataset(csvOf(file));
    expect(classNames).toEqual(['bark, loud', 'meow']);
    expect(clips).toEqual([
      {
        clipId: 'one',
        path: join(root, 'a.mp4'),
        audioPath: join(root, 'c.mp4'),
        label: 0,
        split: 'train',
        group: 'g1',
        startS: 0.5,
        endS: 2,
      },
      { clipId: 'two', path: join(root, 'b.mp4'), label: 1, split: 'test', group: 'g2' },
    ]);
  });

  it('takes segments of one file for clips of their own', async () => {
    const { file } = await tableOf(
      'path,label,split,start,end\na.mp4,x,train,0,1\na.mp4,y,train,1,2\nb.mp4,x,test,,\n',
    );
    const { clips } = await indexDataset(csvOf(file));
    expect(clips.map(({ clipId }) => clipId)).toEqual(['a.mp4-0-1', 'a.mp4-1-2', 'b.mp4']);
  });

  it('keeps the pieces of one file in one split where no column names groups', async () => {
    const rows = Array.from({ length: 20 }, (_, file) =>
      [0, 1, 2].map(
        (piece) => `v${String(file)}.mp4,${file % 2 === 0 ? 'x' : 'y'},${String(piece)},${String(piece + 1)}`,
      ),
    ).flat();
    const files = Array.from({ length: 20 }, (_, file) => `v${String(file)}.mp4`);
    const { file } = await tableOf(['path,label,start,end', ...rows].join('\n'), files);
    const { clips, report } = await indexDataset(csvOf(file, { testShare: 0.3, validationShare: 0.2 }));
    expect(clips).toHaveLength(60);
    for (const name of files) {
      const pieces = clips.filter(({ group }) => group === name);
      expect(pieces).toHaveLength(3);
      expect(new Set(pieces.map(({ split }) => split)).size).toBe(1);
    }
    expect(report.splitRule).toContain('test: 0.3 by hash of the file');
  });

  it('warns of paths that look like cuts of one recording when nothing groups or splits them', async () => {
    const files = ['park_1.mp4', 'park_2.mp4', 'street_1.mp4', 'street_2.mp4', 'z.mp4', 'q.mp4'];
    const notesOf = async (header: string, more: (file: string) => string) => {
      const rows = files.map((name) => `${name},${name.length > 5 ? 'x' : 'y'}${more(name)}`);
      const { file } = await tableOf([header, ...rows].join('\n'), files);
      return (await indexDataset(csvOf(file, { testShare: 0.5 }))).report.notes;
    };
    expect(await notesOf('path,label', () => '')).toEqual([
      expect.stringMatching(
        /4 clips of 2 recordings \(x\/park_1, x\/park_2\): give the table a column group/u,
      ),
    ]);
    expect(await notesOf('path,label,group', (name) => `,${name.slice(0, 4)}`)).toEqual([]);
  });

  it('counts what is listed without a file and, in a folder that was named, what no row lists', async () => {
    const { root, file } = await tableOf('path,label,split\na.mp4,x,train\ngone.mp4,y,train\nb.mp4,y,test\n');
    const { report } = await indexDataset(csvOf(file, { root }));
    expect(report).toMatchObject({
      listed: 3,
      found: 2,
      listedMissing: { count: 1, examples: [join(root, 'gone.mp4')] },
      unlisted: { count: 1, examples: ['c.mp4'] },
    });
  });

  it('names repetitions, clips in two splits and clips with two labels', async () => {
    const { file } = await tableOf(
      [
        'path,label,split,id',
        'a.mp4,x,train,same',
        'a.mp4,x,train,same',
        'b.mp4,y,test,leak',
        'b.mp4,y,train,leak',
        'c.mp4,x,train,torn',
        'c.mp4,y,train,torn',
      ].join('\n'),
    );
    const { clips, report } = await indexDataset(csvOf(file));
    expect(clips.map(({ clipId, split }) => [clipId, split])).toEqual([
      ['leak', 'test'],
      ['same', 'train'],
    ]);
    expect(report.notes).toEqual([
      'Listed more than once, used once: 1 (same).',
      'Listed for two splits, used for the test if that is one: 1 (leak).',
      'Listed with two labels, left out: 1 (torn: x or y).',
      'Classes without a train clip: 1 (y).',
      'Classes without a test clip: 1 (x).',
    ]);
  });

  it('keeps a group in one split when it splits by itself', async () => {
    const files = Array.from({ length: 60 }, (_, i) => `${String(i)}.mp4`);
    const rows = files.map((name, i) => `${name},${i % 2 === 0 ? 'x' : 'y'},g${String(i % 15)}`);
    const { file } = await tableOf(['path,label,group', ...rows].join('\n'), files);
    const { clips } = await indexDataset(csvOf(file, { testShare: 0.3, validationShare: 0.2 }));
    const splitsOfGroup = new Map<string, Set<string>>();
    for (const { group = '', split } of clips) {
      splitsOfGroup.set(group, (splitsOfGroup.get(group) ?? new Set()).add(split));
    }
    expect(splitsOfGroup.size).toBe(15);
    for (const splits of splitsOfGroup.values()) expect(splits.size).toBe(1);
    expect(new Set(clips.map(({ split }) => split))).toEqual(new Set(['train', 'validation', 'test']));
  });

  it('reads columns of features: with media, without any, with what is there', async () => {
    const { root, file } = await tableOf(
      [
        'path,label,split,features:clip,features:ast',
        'a.mp4,x,train,npy/a.clip.npy,npy/a.npy',
        'gone.mp4,y,test,npy/b.clip.npy,npy/gone.npy',
        ',y,train,,npy/c.ast.npy',
        'b.mp4,x,train,,',
        ',x,train,npy/gone.clip.npy,',
      ].join('\n'),
      ['a.mp4', 'b.mp4', 'npy/a.clip.npy', 'npy/a.npy', 'npy/b.clip.npy', 'npy/c.ast.npy'],
    );
    const { clips, report } = await indexDataset(csvOf(file));
    const at = (name: string) => join(root, name);
    expect(clips.map(({ clipId, path, features }) => [clipId, path, features])).toEqual([
      ['a.mp4', at('a.mp4'), { clip: at('npy/a.clip.npy'), ast: at('npy/a.npy') }],
      ['b.mp4', at('b.mp4'), undefined],
      ['gone.mp4', at('npy/b.clip.npy'), { clip: at('npy/b.clip.npy') }],
      ['npy/c', at('npy/c.ast.npy'), { ast: at('npy/c.ast.npy') }],
    ]);
    expect(report.listedMissing).toEqual({ count: 1, examples: [at('npy/gone.clip.npy')] });
    expect(report.notes).toContain('Clips with a file of features that is missing: 2 (gone.mp4, npy/gone).');
    expect(report.notes).toContain('Clips whose media are missing, used with their features: 1 (gone.mp4).');
    const odd = await tableOf('path,label,features:my clip\na.mp4,x,b.npy\n');
    await expect(indexDataset(csvOf(odd.file))).rejects.toMatchObject({
      where: `${odd.file}:1`,
      message: '"features:my clip" names no features',
    });
  });

  it('orders labels that are numbers by their value', async () => {
    const { file } = await tableOf('path,label,split\na.mp4,10,train\nb.mp4,9,test\nc.mp4,9,train\n');
    expect((await indexDataset(csvOf(file))).classNames).toEqual(['9', '10']);
  });

  it.each([
    ['path,split\na.mp4,train\n', {}, 1, 'the header has no column label'],
    ['path,label\na.mp4,x\nb.mp4\n', {}, 3, 'Invalid Record Length'],
    ['path,label\na.mp4,\n', {}, 2, 'the label is empty'],
    ['path,label\n,x\n', {}, 2, 'the path is empty'],
    ['path,label,split\na.mp4,x,train\nb.mp4,x,tset\n', {}, 3, '"tset" is no split'],
    ['path,label,start\na.mp4,x,soon\n', {}, 2, '"soon" is no time'],
    ['path,label,start\na.mp4,x,1e305\n', {}, 2, '"1e305" is no time'],
    ['path,label,start,end\na.mp4,x,3,2\n', {}, 2, 'the clip ends (2 s) before it starts'],
    ['path,label\na.mp4,x\nb.mp4,z\n', { classes: ['x', 'y'] }, 3, '"z" is no class'],
  ])('names file and line of a wrong row: %j', async (text, more, line, message) => {
    const { file } = await tableOf(text);
    await expect(indexDataset(csvOf(file, more))).rejects.toMatchObject({
      kind: 'config',
      where: `${file}:${String(line)}`,
      message: expect.stringContaining(message) as string,
      fix: expect.any(String) as string,
    });
  });

  it('says which split is empty, and which file is missing first', async () => {
    const { root, file } = await tableOf('path,label,split\na.mp4,x,train\nb.mp4,y,train\ngone.mp4,y,test\n');
    await expect(indexDataset(csvOf(file))).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('the test split is empty') as string,
      fix: expect.stringContaining(join(root, 'gone.mp4')) as string,
    });
    await expect(indexDataset(csvOf(join(root, 'no.csv')))).rejects.toMatchObject({
      kind: 'config',
      where: 'dataset.file',
    });
  });
});
