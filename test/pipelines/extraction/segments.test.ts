/** Frames from the whole clip: of each of T equal parts the middle, or several evenly spaced, whatever the file is. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { sampledTimes, spanOf } from '../../../pipelines/extraction/decode.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../../pipelines/extraction/node-av/pool.ts';
import type { Clip } from '../../../schemas/clip.ts';
import {
  extractionConfigSchema,
  hashedExtraction,
  storedExtractionSchema,
} from '../../../schemas/config/extraction-config.ts';

vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-segments-'));
const SIZE = 64 * 48 * 3;
const at = (name: string) => join(folder, name);
const clip = (name: string, more: Partial<Clip> = {}): Clip => ({
  ...{ clipId: 'a', path: at(name), label: 0, split: 'train' },
  ...more,
});
const ask = (video: object) =>
  extractionConfigSchema.parse({ modalities: ['rgb'], video: { shortSide: 48, ...video } });
let engines: Extractor[];

function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
}
const picture = (seconds: number, rate = 25) =>
  ['-f', 'lavfi', '-i', `testsrc2=size=96x72:rate=${String(rate)}:duration=${String(seconds)}`] as const;
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];

/** All frames, by ffmpeg's own decoding. */
function framesOf(name: string): Uint8Array[] {
  const scale = 'scale=64:48:flags=bicubic+accurate_rnd+full_chroma_int+bitexact,format=rgb24';
  ffmpeg('-i', at(name), '-vf', scale, '-fps_mode', 'passthrough', '-f', 'rawvideo', at('all.rgb'));
  const bytes = new Uint8Array(readFileSync(at('all.rgb')));
  return Array.from({ length: bytes.length / SIZE }, (_, n) => bytes.subarray(n * SIZE, (n + 1) * SIZE));
}

/** Numbers of the frames that a row has, looked up among all of the file's. */
async function numbersOf(engine: Extractor, what: Clip, video: object, name: string, count: number) {
  const { rgb } = await engine.extract(what, ask(video));
  const all = framesOf(name);
  expect(all).toHaveLength(count);
  return Array.from({ length: rgb!.shape[0] }, (_, t) =>
    all.findIndex((frame) => Buffer.compare(frame, rgb!.data.subarray(t * SIZE, (t + 1) * SIZE)) === 0),
  );
}

beforeAll(async () => {
  engines = [await createFfmpegExtractor(), await createNodeAvExtractor()];
  ffmpeg(...picture(4, 10), ...H264, at('ten.mp4'));
  // Its sound is longer than its pictures, as the container's duration is.
  const sound = ['-f', 'lavfi', '-i', 'sine=440:duration=9'];
  ffmpeg(...picture(3, 10), ...sound, ...H264, '-c:a', 'aac', at('long-sound.mkv'));
  ffmpeg(...picture(0.3, 10), ...H264, at('three.mp4'));
  ffmpeg(...picture(0.1, 10), ...H264, at('one.mp4'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('where frames are taken', () => {
  const asked = (video: object) => ({ ...ask(video).video, pairs: false });

  test('the middle of each part of the span, and evenly spaced candidates of it', () => {
    const times = (video: object, spanS: number) => {
      const { fps, offsetS, frames } = sampledTimes(asked(video), { startS: 0, endS: spanS }, undefined);
      return Array.from({ length: frames }, (_, n) => Number((offsetS + n / fps).toFixed(6)));
    };
    // Middles of thirds of 12 s: 2, 6, 10.
    expect(times({ frames: 3 }, 12)).toEqual([2, 6, 10]);
    expect(times({ frames: 1 }, 12)).toEqual([6]);
    // i + (j + ½) / 3 of 4 s: the middle candidates are the same 2, 6, 10.
    expect(times({ frames: 3, candidates: 3 }, 12)).toEqual(
      [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => Number((4 * (i + (j + 0.5) / 3)).toFixed(6)))),
    );
    expect(times({ sampling: 'start', fps: 2, frames: 3 }, 12)).toEqual([0, 0.5, 1]);
  });

  test('the span ends where the last frame does, or the part', () => {
    // 30 frames of 0.1 s from 0.2 s on: the last begins at 3.1 s.
    const times = { firstS: 0.2, lastS: 3.1, packets: 30 };
    expect(spanOf({}, times)).toBeCloseTo(3, 9);
    expect(spanOf({ startS: 1 }, times)).toBeCloseTo(2.2, 9);
    expect(spanOf({ startS: 1, endS: 3 }, undefined)).toBe(2);
    expect(spanOf({}, { firstS: 0, lastS: 0, packets: 1 })).toBeUndefined();
    expect(spanOf({ startS: 5 }, times)).toBeUndefined();
  });

  test('a middle needs an odd number of candidates, and candidates need segments', () => {
    expect(() => ask({ candidates: 2 })).toThrow(/odd/u);
    expect(() => ask({ sampling: 'start', candidates: 3 })).toThrow(/segments/u);
  });
});

describe('both engines', () => {
  test('take them from all over the clip', async () => {
    for (const engine of engines) {
      // 40 frames, fifths of 8: middles at 0.4, 1.2, … s.
      const middles = [4, 12, 20, 28, 36];
      expect(await numbersOf(engine, clip('ten.mp4'), { frames: 5 }, 'ten.mp4', 40)).toEqual(middles);
      // Fifteenths of 4 s: (n + ½) · 0.2667 s, to the nearest frame.
      const all = await numbersOf(engine, clip('ten.mp4'), { frames: 5, candidates: 3 }, 'ten.mp4', 40);
      expect(all).toEqual([1, 4, 7, 9, 12, 15, 17, 20, 23, 25, 28, 31, 33, 36, 39]);
      expect(all.filter((_, n) => n % 3 === 1)).toEqual(middles);
    }
  });

  test('of a part within it', async () => {
    for (const engine of engines) {
      const part = clip('ten.mp4', { startS: 1, endS: 2.6 });
      // Halves of 1.6 s: middles at 1.4 and 2.2 s.
      expect(await numbersOf(engine, part, { frames: 2 }, 'ten.mp4', 40)).toEqual([14, 22]);
      const rest = clip('ten.mp4', { startS: 2.4 });
      expect(await numbersOf(engine, rest, { frames: 2 }, 'ten.mp4', 40)).toEqual([28, 36]);
    }
  });

  test('of the pictures alone, where the sound goes on', async () => {
    for (const engine of engines) {
      const numbers = await numbersOf(engine, clip('long-sound.mkv'), { frames: 3 }, 'long-sound.mkv', 30);
      expect(numbers).toEqual([5, 15, 25]);
    }
  });

  test('of a clip with fewer frames than that repeat them', async () => {
    for (const engine of engines) {
      const numbers = await numbersOf(engine, clip('three.mp4'), { frames: 6 }, 'three.mp4', 3);
      expect(numbers).toHaveLength(6);
      expect([...new Set(numbers)]).toEqual([0, 1, 2]);
      expect(await numbersOf(engine, clip('one.mp4'), { frames: 3 }, 'one.mp4', 1)).toEqual([0, 0, 0]);
    }
  });
});

describe('versions', () => {
  const start = ask({ sampling: 'start', fps: 2, frames: 2 });

  test('of what is sampled from the start are what they were before there were segments', () => {
    expect(JSON.stringify(hashedExtraction(start).video)).toBe('{"fps":2,"frames":2,"shortSide":48}');
    expect(hashedExtraction(ask({})).video).toMatchObject({ sampling: 'segments' });
    expect(hashedExtraction(ask({ candidates: 3 })).video).toMatchObject({ candidates: 3 });
  });

  test('a manifest written before then is of frames from the start', () => {
    const written = { ...start, video: { fps: 2, frames: 2, shortSide: 48 } };
    expect(storedExtractionSchema.parse(written)).toEqual(start);
    expect(storedExtractionSchema.parse(ask({}))).toEqual(ask({}));
  });
});
