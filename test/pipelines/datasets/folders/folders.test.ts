/** What a folder of files is taken for: splits or classes, one clip of several files, or a refusal. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, vi } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { createFfmpegExtractor } from '../../../../pipelines/extraction/ffmpeg/extractor.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { rebuild, smallExtraction } from '../../shards/fixtures.ts';
import { emptyFiles, makeTree } from '../tree.ts';

vi.setConfig({ testTimeout: 60_000 });

const indexed = async (paths: readonly string[], more: object = {}) => {
  const root = await makeTree(emptyFiles(paths));
  const config = datasetConfigSchema.parse({ format: 'folder', root, validationShare: 0, ...more });
  const { clips, report, classNames } = await indexDataset(config);
  const sound = (path: string | undefined) => (path === undefined ? '' : ` + ${relative(root, path)}`);
  return {
    ...{ classNames, report },
    files: clips.map(({ path, audioPath }) => relative(root, path) + sound(audioPath)),
    splits: clips.map(({ clipId, split }) => `${split} ${clipId}`),
    groups: clips.map(({ group }) => group),
  };
};

describe('folders of splits', () => {
  it.each([
    ['Train', 'Test'],
    ['TRAIN', 'TEST'],
    ['training', 'testing'],
    ['train', 'eval'],
    ['train_set', 'test_set'],
  ])('are %s and %s', async (train, test) => {
    const found = await indexed([`${train}/cat/a.mp4`, `${train}/dog/b.mp4`, `${test}/cat/c.mp4`]);
    expect(found.classNames).toEqual(['cat', 'dog']);
    expect(found.splits.sort()).toEqual([
      `test ${test}/cat/c.mp4`,
      `train ${train}/cat/a.mp4`,
      `train ${train}/dog/b.mp4`,
    ]);
    expect(found.report.splitRule).toContain(`the folders ${[train, test].sort().join(', ')};`);
  });

  it.each(['val', 'valid', 'Validation', 'dev'])('take %s for validation', async (validation) => {
    const found = await indexed([
      ...['train/cat/a.mp4', 'train/dog/b.mp4', 'test/cat/c.mp4'],
      `${validation}/dog/d.mp4`,
    ]);
    expect(found.splits).toContain(`validation ${validation}/dog/d.mp4`);
    expect(found.report.unlisted.count).toBe(0);
  });

  it('refuse to guess which of test and eval is the test', async () => {
    await expect(indexed(['train/cat/a.mp4', 'test/cat/b.mp4', 'eval/dog/c.mp4'])).rejects.toMatchObject({
      kind: 'config',
      message: 'eval and test could each be the test split',
    });
  });

  it('are classes where there is nothing to test with, which is said', async () => {
    const found = await indexed(['Train/a.mp4', 'Train/b.mp4', 'plane/c.mp4', 'plane/d.mp4'], {
      testShare: 0.5,
    });
    expect(found.classNames).toEqual(['Train', 'plane']);
    expect(found.report.notes).toContain(
      'Folders called as splits are, taken for classes: 1 (Train). With folders train and test beside each other they would be splits.',
    );
  });
});

describe('files of one name in a class folder', () => {
  it('are one clip: a video or picture and its sound', async () => {
    const videos = await indexed(
      ['cat/x.mp4', 'cat/x.wav', 'cat/y.wav', 'dog/x.mp4', 'dog/x.flac', 'dog/x.mp3', 'dog/x.jpg'],
      { testShare: 0.5 },
    );
    expect(videos.files).toEqual(['cat/x.mp4 + cat/x.wav', 'cat/y.wav', 'dog/x.mp4 + dog/x.flac']);
    expect(videos.report.notes.slice(0, 2)).toEqual([
      'Clips with a sound file of their own: 2.',
      'Pictures and sounds that are in no clip, left out: 2 (dog/x.jpg, dog/x.mp3).',
    ]);
    const stills = await indexed(['cat/x.jpg', 'cat/x.wav', 'cat/y.png', 'dog/z.webp', 'dog/z.wav'], {
      testShare: 0.5,
    });
    expect(stills.files).toEqual(['cat/x.jpg + cat/x.wav', 'cat/y.png', 'dog/z.webp + dog/z.wav']);
  });

  it('leave covers and thumbnails out, and take pictures alone for clips', async () => {
    const music = await indexed(['cat/a.wav', 'cat/cover.jpg', 'dog/b.wav', 'dog/c.wav'], { testShare: 0.5 });
    expect(music.files).toEqual(['cat/a.wav', 'dog/b.wav', 'dog/c.wav']);
    const pictures = await indexed(['cat/a.jpg', 'cat/b.jpg', 'dog/c.png'], { testShare: 0.5 });
    expect(pictures.files).toEqual(['cat/a.jpg', 'cat/b.jpg', 'dog/c.png']);
  });
});

describe('folders of frames', () => {
  it('are one clip each, with the sound beside them, in them or around them', async () => {
    const found = await indexed(
      [
        ...['cat/a/1.jpg', 'cat/a/2.jpg', 'cat/a.wav'],
        ...['cat/b/1.jpg', 'cat/b/2.jpg', 'cat/b/sound.wav'],
        ...['dog/c/frames/1.png', 'dog/c/frames/2.png', 'dog/c/audio.wav', 'dog/d/1.jpg'],
      ],
      { testShare: 0.5 },
    );
    expect(found.files).toEqual([
      'cat/a + cat/a.wav',
      'cat/b + cat/b/sound.wav',
      'dog/c/frames + dog/c/audio.wav',
      'dog/d',
    ]);
    expect(found.report.notes).toContain(
      'Folders of pictures, each one clip: 4 (cat/a, cat/b, dog/c/frames, dog/d).',
    );
  });

  it('are told from the recordings of stills, which have a sound each', async () => {
    const found = await indexed(
      [
        ...['cat/monday/a.jpg', 'cat/monday/a.wav', 'cat/monday/b.jpg', 'cat/monday/b.wav'],
        ...['cat/tuesday/c.jpg', 'cat/tuesday/c.wav', 'dog/d.jpg', 'dog/d.wav'],
      ],
      { testShare: 0.5 },
    );
    expect(found.files).toEqual([
      'cat/monday/a.jpg + cat/monday/a.wav',
      'cat/monday/b.jpg + cat/monday/b.wav',
      'cat/tuesday/c.jpg + cat/tuesday/c.wav',
      'dog/d.jpg + dog/d.wav',
    ]);
    expect(found.groups).toEqual(['cat/monday', 'cat/monday', 'cat/tuesday', undefined]);
  });
});

describe('files of features', () => {
  const withFeatures = async (paths: readonly string[]) => {
    const root = await makeTree(emptyFiles(paths));
    const config = datasetConfigSchema.parse({ format: 'folder', root, validationShare: 0, testShare: 0.5 });
    const { clips, report } = await indexDataset(config);
    const own = clips.map(({ clipId, features = {} }) => [
      clipId,
      ...Object.entries(features).map(([name, path]) => `${name}: ${relative(root, path)}`),
    ]);
    return { own, report };
  };

  it('belong to the clip of their name, be it a file or a folder of frames', async () => {
    const { own, report } = await withFeatures([
      ...['cat/x.mp4', 'cat/x.clip.npy', 'cat/x.ast.npy', 'cat/y.mp4', 'cat/z.clip.npy'],
      ...['dog/x.mp4', 'dog/x.v2.mp4', 'dog/x.v2.clip.npy', 'dog/loose.npy'],
    ]);
    expect(own).toEqual([
      ['cat/x.mp4', 'ast: cat/x.ast.npy', 'clip: cat/x.clip.npy'],
      ['cat/y.mp4'],
      ['dog/x.mp4'],
      ['dog/x.v2.mp4', 'clip: dog/x.v2.clip.npy'],
    ]);
    expect(report.notes).toContain('Clips with features (of 4): ast 1, clip 2.');
    expect(report.notes).toContain('Files that are no media, left out: 2 (cat/z.clip.npy, dog/loose.npy).');
    const frames = await withFeatures(['cat/a/1.jpg', 'cat/a/2.jpg', 'cat/a.clip.npy', 'dog/b.jpg']);
    expect(frames.own).toEqual([['cat/a', 'clip: cat/a.clip.npy'], ['dog/b.jpg']]);
  });

  it('are the clips where there are no media, in folders of splits too', async () => {
    const { own, report } = await withFeatures([
      ...['Train/cat/x.clip.npy', 'Train/cat/x.ast.npy', 'Train/dog/y.ast.npy', 'Test/dog/z.clip.npy'],
    ]);
    expect(own).toEqual([
      ['Test/dog/z', 'clip: Test/dog/z.clip.npy'],
      ['Train/cat/x', 'ast: Train/cat/x.ast.npy', 'clip: Train/cat/x.clip.npy'],
      ['Train/dog/y', 'ast: Train/dog/y.ast.npy'],
    ]);
    expect(report.splitRule).toContain('the folders Test, Train');
  });
});

describe('sounds apart from their pictures', () => {
  const refused = (sound: string, picture: string) => ({
    kind: 'config',
    message: `${sound} holds only sounds and ${picture} only what is seen: each clip would become two`,
    fix: expect.stringContaining('format: csv (path,label,audio_path)') as string,
  });
  const pairs = (sound: (clip: string) => string, picture: (clip: string) => string) =>
    ['cat/1', 'cat/2', 'dog/3'].flatMap((clip) => [`${sound(clip)}.wav`, `${picture(clip)}.mp4`]);

  it('are refused, whatever the folders are called and wherever they stand', async () => {
    await expect(
      indexed(
        pairs(
          (clip) => `audio/${clip}`,
          (clip) => `visual/${clip}`,
        ),
      ),
    ).rejects.toMatchObject(refused('audio', 'visual'));
    await expect(
      indexed(
        pairs(
          (clip) => clip.replace('/', '/heard/'),
          (clip) => clip.replace('/', '/seen/'),
        ),
      ),
    ).rejects.toMatchObject(refused('heard', 'seen'));
    await expect(
      indexed(['AudioWAV/a_sound.wav', 'AudioWAV/b_sound.wav', 'VideoFlash/a.flv', 'VideoFlash/b.flv']),
    ).rejects.toMatchObject(refused('AudioWAV', 'VideoFlash'));
  });

  it('are not seen in classes that are merely numbered alike', async () => {
    const found = await indexed(
      ['cat/1.wav', 'cat/2.wav', 'cat/3.mp4', 'dog/1.mp4', 'dog/2.mp4', 'owl/1.mp4', 'owl/2.mp4'],
      { testShare: 0.5 },
    );
    expect(found.files).toHaveLength(7);
  });
});

it('builds shards of stills and frames with their sounds from a folder alone', async () => {
  const root = await makeTree({});
  const inRoot = (name: string) => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    return join(root, name);
  };
  const grey = async (name: string, level: number) => {
    const background = { r: level, g: level, b: level };
    await sharp({ create: { width: 64, height: 48, channels: 3, background } }).toFile(inRoot(name));
  };
  const tone = (name: string) => {
    const sine = ['-f', 'lavfi', '-i', 'sine=440:sample_rate=8000:duration=1'];
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', ...sine, inRoot(name)]);
  };
  for (const split of ['Train', 'Test']) {
    for (const clip of ['a', 'b']) {
      await grey(`${split}/cat/${clip}.png`, 80);
      tone(`${split}/cat/${clip}.wav`);
      for (const frame of [1, 2, 3]) await grey(`${split}/dog/${clip}/${String(frame)}.png`, 50 * frame);
      tone(`${split}/dog/${clip}.wav`);
    }
  }
  const config = datasetConfigSchema.parse({ format: 'folder', root, validationShare: 0 });
  const { clips } = await indexDataset(config);
  expect(clips).toHaveLength(8);
  const store = openStore(`file:${await makeTree({})}`);
  const { manifest } = await rebuild(store, clips, smallExtraction(), await createFfmpegExtractor());
  expect(manifest.quarantine).toEqual([]);
  expect(manifest.splits.train).toMatchObject({ rows: 4, classCounts: [2, 2] });
  expect(manifest.splits.test.missingCounts).toEqual({ audio: 0, rgb: 0 });
});
