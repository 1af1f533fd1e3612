/** Flow from each sampled frame to the file's next one, however far apart the samples are. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Extractor, PictureFeature } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../../pipelines/extraction/node-av/pool.ts';
import { imagesPerClip } from '../../../pipelines/training/model/encoders/index.ts';
import type { Clip } from '../../../schemas/clip.ts';
import {
  extractionConfigSchema,
  hashedExtraction,
  storedExtractionSchema,
} from '../../../schemas/config/extraction-config.ts';

vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-native-flow-'));
const at = (name: string) => join(folder, name);
const clip = (name: string): Clip => ({ clipId: 'a', path: at(name), label: 0, split: 'train' });
const ask = (more: object, modalities: readonly string[] = ['rgb', 'flow']) =>
  extractionConfigSchema.parse({ modalities, ...more });
const video = { frames: 3, shortSide: 96 };
let engines: Extractor[];

/** A texture that moves 3 px right and 2 px down from frame to frame: 75 and 50 px a second. */
function moving(name: string, seconds: number): void {
  const [x, y] = ['(X-3*N)', '(Y-2*N)'];
  const lum = `128+50*sin(0.31*${x}+0.11*${y})+50*cos(0.23*${y}-0.17*${x})`;
  const source = `nullsrc=size=128x96:rate=25:duration=${String(seconds)},geq=lum='${lum}':cb=128:cr=128`;
  const output = ['-pix_fmt', 'yuv420p', '-c:v', 'ffv1', at(name)];
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', source, ...output]);
}

beforeAll(async () => {
  engines = [await createFfmpegExtractor(), await createNodeAvExtractor()];
  moving('moving.mkv', 3);
  moving('two.mkv', 0.08);
  moving('one.mkv', 0.04);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Mean displacement [u, v] in pixels, of field `t`, away from the edges. */
function motion({ data, shape }: PictureFeature, t: number): [number, number] {
  const [, height, width] = shape;
  const sums: [number, number] = [0, 0];
  let count = 0;
  for (let y = 24; y < height - 24; y += 1) {
    for (let x = 24; x < width - 24; x += 1) {
      const place = ((t * height + y) * width + x) * 2;
      sums[0] += (data[place]! / 255) * 40 - 20;
      sums[1] += (data[place + 1]! / 255) * 40 - 20;
      count += 1;
    }
  }
  return [sums[0] / count, sums[1] / count];
}

function expectMotion(field: PictureFeature, t: number): void {
  const [u, v] = motion(field, t);
  expect(Math.abs(u - 3)).toBeLessThan(0.3);
  expect(Math.abs(v - 2)).toBeLessThan(0.3);
}

describe('both engines', () => {
  test.each([
    ['segments', { ...video, candidates: 3 }, 9],
    ['the start', { ...video, sampling: 'start' }, 3],
  ])('see the motion of one frame to the next, sampled from %s', async (_name, how, count) => {
    const rows = await Promise.all(
      engines.map(async (engine) => await engine.extract(clip('moving.mkv'), ask({ video: how }))),
    );
    for (const { flow, rgb } of rows) {
      expect(flow!.shape).toEqual([count, 96, 128, 2]);
      expect(rgb!.shape).toEqual([count, 96, 128, 3]);
      for (let t = 0; t < count; t += 1) expectMotion(flow!, t);
    }
    expect(rows[1]).toEqual(rows[0]);
    // The frames are those that are sampled without flow.
    const { rgb } = await engines[0]!.extract(clip('moving.mkv'), ask({ video: how }, ['rgb']));
    expect(rows[0]!.rgb).toEqual(rgb);
  });

  test('repeat the one motion that a clip of two frames has', async () => {
    for (const engine of engines) {
      const { flow, missing } = await engine.extract(clip('two.mkv'), ask({ video }));
      expect(missing).toEqual({});
      for (let t = 0; t < 3; t += 1) expectMotion(flow!, t);
    }
  });

  test('see no motion in a clip of one frame, which still has its picture', async () => {
    for (const engine of engines) {
      const { rgb, flow, missing } = await engine.extract(clip('one.mkv'), ask({ video }));
      expect([rgb?.shape, flow]).toEqual([[3, 96, 128, 3], undefined]);
      expect(missing).toMatchObject({ flow: { code: 'too-short' } });
    }
  });

  test('take it between samples where that is asked for', async () => {
    const sampled = ask({
      video: { sampling: 'start', fps: 25, frames: 3, shortSide: 96 },
      flow: { neighbours: 'sampled' },
    });
    for (const engine of engines) {
      const { flow } = await engine.extract(clip('moving.mkv'), sampled);
      expect(flow!.shape).toEqual([2, 96, 128, 2]);
      expectMotion(flow!, 0);
    }
  });
});

describe('what follows from it', () => {
  test('a clip has as many flow fields as frames, or one less', () => {
    expect(imagesPerClip('flow', ask({}))).toBe(3);
    expect(imagesPerClip('flow', ask({ flow: { neighbours: 'sampled' } }))).toBe(2);
  });

  test('versions of datasets without flow, and of those with flow between samples, stay', () => {
    expect(hashedExtraction(ask({}, ['audio', 'rgb'])).flow).toEqual({ boundPx: 20 });
    expect(hashedExtraction(ask({ flow: { neighbours: 'sampled' } })).flow).toEqual({ boundPx: 20 });
    expect(hashedExtraction(ask({})).flow).toEqual({ boundPx: 20, neighbours: 'native' });
    const { neighbours: _neighbours, ...flow } = ask({}).flow;
    expect(storedExtractionSchema.parse({ ...ask({}), flow }).flow.neighbours).toBe('sampled');
  });

  test('several candidates need their own neighbours', () => {
    const both = { video: { candidates: 3 }, flow: { neighbours: 'sampled' } };
    expect(() => ask(both)).toThrow(/candidates/u);
    expect(ask(both, ['rgb']).video.candidates).toBe(3);
  });
});
