/** Still pictures and folders of them as clips, with both engines: which are taken, with which sound, and what is refused. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Extractor, PictureFeature } from '../../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../../../pipelines/extraction/node-av/pool.ts';
import { samplePictures } from '../../../../pipelines/extraction/pictures/decode.ts';
import { picturesIn } from '../../../../pipelines/extraction/pictures/picture-files.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { listClips } from '../../../../pipelines/datasets/index-dataset.ts';
import type { Clip } from '../../../../schemas/clip.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { extractionConfigSchema } from '../../../../schemas/config/extraction-config.ts';
import { clipOf, rebuild, smallExtraction } from '../../shards/fixtures.ts';

vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-pictures-'));
const at = (name: string) => join(folder, name);
const clip = (name: string, more: Partial<Clip> = {}): Clip => ({
  ...{ clipId: 'a', path: at(name), label: 0, split: 'train' },
  ...more,
});
const ask = (video: object, modalities: readonly string[] = ['audio', 'rgb']) =>
  extractionConfigSchema.parse({ modalities, video: { shortSide: 32, ...video } });
let engines: Extractor[];

async function grey(name: string, level: number, width = 64, height = 48): Promise<void> {
  const background = { r: level, g: level, b: level };
  await sharp({ create: { width, height, channels: 3, background } }).toFile(at(name));
}

/** The first value of each frame. */
function levels({ data, shape }: PictureFeature): number[] {
  const size = shape[1] * shape[2] * shape[3];
  return Array.from({ length: shape[0] }, (_, t) => data[t * size]!);
}

beforeAll(async () => {
  engines = [await createFfmpegExtractor(), await createNodeAvExtractor()];
  const sound = ['-f', 'lavfi', '-i', 'sine=440:sample_rate=22050:duration=3'];
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', ...sound, '-c:a', 'pcm_s16le', at('tone.wav')]);
  for (const kind of ['png', 'webp', 'jpg']) await grey(`still.${kind}`, 100);
  mkdirSync(at('frames'));
  // Of 12 pictures "2" comes before "10"; number n is of grey 20 · n.
  for (let n = 1; n <= 12; n += 1) await grey(`frames/frame_${String(n)}.png`, 20 * n);
  writeFileSync(at('frames/notes.txt'), 'no picture');
  mkdirSync(at('empty'));
  mkdirSync(at('broken'));
  writeFileSync(at('broken/1.jpg'), 'no picture at all');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('an SVG that is called a picture is none: it may name other files', async () => {
  await grey('beside.jpg', 200);
  const drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48">';
  writeFileSync(at('drawn.png'), `${drawing}<image href="beside.jpg" width="64" height="48"/></svg>`);
  for (const engine of engines) {
    await expect(engine.extract(clip('drawn.png'), ask({}))).rejects.toMatchObject({
      code: 'nothing-usable',
    });
  }
});

describe('both engines', () => {
  test('take a still picture for every frame, its sound from a file of its own', async () => {
    for (const engine of engines) {
      for (const kind of ['png', 'webp', 'jpg']) {
        const pair = clip(`still.${kind}`, { audioPath: at('tone.wav') });
        const { rgb, audio, missing } = await engine.extract(pair, ask({}));
        expect(missing).toEqual({});
        expect(rgb!.shape).toEqual([3, 32, 42, 3]);
        for (const level of levels(rgb!)) expect(Math.abs(level - 100)).toBeLessThanOrEqual(1);
        // The sound is that of the file alone.
        const alone = await engine.extract(clip('tone.wav'), ask({}, ['audio']));
        expect(audio).toEqual(alone.audio);
      }
      const mute = await engine.extract(clip('still.png'), ask({}));
      expect(mute.missing).toMatchObject({ audio: { code: 'no-stream' } });
    }
  });

  test('take a folder’s pictures in natural order, the middle of each segment, or by their rate', async () => {
    for (const engine of engines) {
      const of = async (video: object, more: Partial<Clip> = {}) => {
        const what = clip('frames', { audioPath: at('tone.wav'), ...more });
        const { rgb, missing } = await engine.extract(what, ask(video));
        expect(missing).toEqual({});
        return levels(rgb!).map((level) => level / 20);
      };
      // Thirds of 12: numbers 3, 7, 11 counted from 1.
      expect(await of({ frames: 3 })).toEqual([3, 7, 11]);
      expect(await of({ sampling: 'start', fps: 1, frames: 3 })).toEqual([1, 2, 3]);
      expect(await of({ sampling: 'start', fps: 1, frames: 3, picturesPerS: 4 })).toEqual([1, 5, 9]);
      expect(await of({ sampling: 'start', fps: 0.1, frames: 3 })).toEqual([1, 11, 12]);
    }
  });

  test('see motion from a picture to the next, and none in a single one', async () => {
    for (const engine of engines) {
      const { flow, rgb } = await engine.extract(clip('frames'), ask({ frames: 2 }, ['rgb', 'flow']));
      expect([flow!.shape, rgb!.shape]).toEqual([
        [2, 32, 42, 2],
        [2, 32, 42, 3],
      ]);
      const still = await engine.extract(clip('still.png'), ask({}, ['rgb', 'flow']));
      expect(still.missing).toMatchObject({ flow: { code: 'too-short' } });
    }
  });

  test('say what is wrong', async () => {
    for (const engine of engines) {
      await expect(engine.extract(clip('empty'), ask({}))).rejects.toMatchObject({
        code: 'unreadable',
        message: expect.stringContaining('holds no picture') as string,
      });
      const { missing, audio } = await engine.extract(clip('broken', { audioPath: at('tone.wav') }), ask({}));
      expect(missing.rgb).toMatchObject({ code: 'undecodable' });
      expect(missing.rgb!.reason).toContain('1.jpg');
      expect(audio).toBeDefined();
    }
  });
});

test('pictures turned by their EXIF are upright', async () => {
  await sharp(at('still.jpg')).withMetadata({ orientation: 6 }).toFile(at('turned.jpg'));
  const { rgb } = await engines[0]!.extract(clip('turned.jpg'), ask({}, ['rgb']));
  expect(rgb!.shape).toEqual([3, 42, 32, 3]);
});

test('natural order, and no text among the pictures', async () => {
  const names = (await picturesIn(at('frames'))).map((path) => path.replace(/^.*_/u, ''));
  expect(names).toEqual(Array.from({ length: 12 }, (_, n) => `${String(n + 1)}.png`));
  const video = { ...ask({ frames: 2 }).video, pairs: false };
  expect(samplePictures(1, video, {})).toEqual([0, 0]);
  expect(samplePictures(10, video, { startS: 4, endS: 8 })).toEqual([5, 7]);
});

test('a table of them becomes a dataset, which notices that a picture changed', async () => {
  writeFileSync(
    at('table.csv'),
    'path,label,split,audio_path\nframes,a,train,tone.wav\nstill.png,b,train,tone.wav\nstill.jpg,b,test,tone.wav\n',
  );
  const config = datasetConfigSchema.parse({ format: 'csv', file: at('table.csv') });
  const found = await listClips(config);
  expect(found.clips.map(({ path }) => path)).toEqual(['frames', 'still.png', 'still.jpg'].map(at));
  const clips = found.clips.map((listed, i) => ({
    ...clipOf(listed.path, i, listed.split ?? 'train'),
    audioPath: at('tone.wav'),
  }));
  const store = openStore(`file:${at('store')}`);
  const first = await rebuild(store, clips, smallExtraction(), engines[0]!);
  expect(first.manifest.quarantine).toEqual([]);
  expect(first.manifest.splits.train.missingCounts).toEqual({ audio: 0, rgb: 0 });
  expect((await rebuild(store, clips, smallExtraction(), engines[0]!)).plan.version).toBe(first.plan.version);
  await grey('frames/frame_4.png', 7);
  const again = await rebuild(store, clips, smallExtraction(), engines[0]!);
  expect(again.plan.version).not.toBe(first.plan.version);
  expect(again.plan.clipsReused).toBe(2);
});
