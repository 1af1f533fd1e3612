/** What a clip's file may be besides plain: turned, a part of a longer one, with its sound elsewhere, many channels. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { AudioFeature, Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { logSpectrogram } from '../../../pipelines/extraction/spectrogram.ts';
import { ffmpegPath } from '../../../pipelines/process/ffmpeg-path.ts';
import type { Clip } from '../../../schemas/clip.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { LOG_OFFSET } from '../../../schemas/shard.ts';
import { withJumpingDate } from '../../support/jumping-date.ts';

vi.setConfig({ testTimeout: 120_000 });

const RATE_HZ = 22_050;
const config = extractionConfigSchema.parse({
  video: { sampling: 'start', shortSide: 48 },
  audio: { fit: 'pad' },
});
const folder = mkdtempSync(join(tmpdir(), 'modalmix-sources-'));
const at = (name: string) => join(folder, name);
const clip = (path: string, more: Partial<Clip> = {}): Clip => ({
  clipId: 'a',
  path,
  label: 0,
  split: 'train',
  ...more,
});
let extractor: Extractor;
beforeAll(async () => {
  extractor = await createFfmpegExtractor();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function ffmpeg(...args: string[]): void {
  execFileSync(ffmpegPath(), ['-nostdin', '-v', 'error', '-y', ...args]);
}
const picture = (seconds: number) => [
  '-f',
  'lavfi',
  '-i',
  `testsrc2=size=96x72:rate=25:duration=${String(seconds)}`,
];
/** A tone that rises, so that each moment sounds different; `channels` are expressions in `s`, the tone. */
const sweep = (seconds: number, channels: readonly string[] = ['s'], layout = 'mono', rateHz = RATE_HZ) => [
  '-f',
  'lavfi',
  '-i',
  `aevalsrc='${channels
    .map((channel) => channel.replace('s', '0.5*sin(2*PI*t*(300+200*t))'))
    .join('|')}':c=${layout}:s=${String(rateHz)}:d=${String(seconds)}`,
];
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
const PCM = ['-c:a', 'pcm_s16le'];

/** Frames by number through ffmpeg's own `select`, turned by `turn` and scaled to the size. */
function framesOf(file: string, numbers: readonly number[], width: number, height: number, turn = 'null') {
  const choice = [...new Set(numbers)].map((n) => `eq(n,${String(n)})`).join('+');
  const scale = `scale=${String(width)}:${String(height)}:flags=bicubic+accurate_rnd+full_chroma_int+bitexact`;
  const filter = `select='${choice}',${turn},${scale},format=rgb24`;
  ffmpeg('-i', file, '-vf', filter, '-fps_mode', 'passthrough', '-f', 'rawvideo', at('frames.rgb'));
  return new Uint8Array(readFileSync(at('frames.rgb')));
}

/** The file's own samples, as they are, one channel. */
function samplesOf(file: string): Float32Array {
  ffmpeg('-i', file, '-map', '0:a:0', '-c:a', 'pcm_f32le', '-f', 'f32le', at('samples.f32'));
  return new Float32Array(new Uint8Array(readFileSync(at('samples.f32'))).buffer);
}

/** Largest difference of the magnitudes, as a share of the largest magnitude. */
function difference(feature: AudioFeature | undefined, samples: Float32Array): number {
  const wanted = logSpectrogram(samples, config.audio).data;
  let worst = 0;
  let highest = 0;
  wanted.forEach((value, i) => {
    worst = Math.max(worst, Math.abs(Math.exp(value) - Math.exp(feature?.data[i] ?? NaN)));
    highest = Math.max(highest, Math.exp(value));
  });
  return worst / highest;
}

describe('a clip that was filmed with the camera turned', () => {
  /** ISO/IEC 14496-12, 8.3.2: the track header's matrix, from the 40th byte after the box's type. */
  function turned(file: string, [a, b, c, d]: readonly [number, number, number, number]): string {
    const bytes = readFileSync(file);
    const matrix = bytes.indexOf('tkhd') + 4 + 40;
    for (const [i, value] of [a, b, 0, c, d].entries()) bytes.writeInt32BE(value * 0x10000, matrix + 4 * i);
    writeFileSync(at('turned.mp4'), bytes);
    return at('turned.mp4');
  }

  test.each([
    ['90°', [0, 1, -1, 0], 'transpose=clock', [3, 64, 48, 3]],
    ['180°', [-1, 0, 0, -1], 'hflip,vflip', [3, 48, 64, 3]],
    ['270°', [0, -1, 1, 0], 'transpose=cclock', [3, 64, 48, 3]],
  ] as const)('by %s is upright, its sides as one sees them', async (_name, matrix, turn, shape) => {
    ffmpeg(...picture(3), ...H264, at('straight.mp4'));
    const { rgb } = await extractor.extract(clip(turned(at('straight.mp4'), matrix)), config);
    expect(rgb?.shape).toEqual(shape);
    expect(rgb?.data).toEqual(framesOf(at('straight.mp4'), [0, 25, 50], shape[2], shape[1], turn));
  });
});

describe('a clip that is a part of a file', () => {
  beforeAll(() => {
    ffmpeg(...picture(6), ...sweep(6), ...H264, ...PCM, at('long.mov'));
  });

  test('has the frames and the samples from its start on', async () => {
    const { rgb, audio } = await extractor.extract(clip(at('long.mov'), { startS: 2, endS: 5 }), config);
    expect(rgb?.data).toEqual(framesOf(at('long.mov'), [50, 75, 100], 64, 48));
    const samples = samplesOf(at('long.mov'));
    expect(difference(audio, samples.subarray(2 * RATE_HZ, 5 * RATE_HZ))).toBeLessThan(1e-6);
  });

  test('has nothing from beyond its end', async () => {
    const { rgb, audio } = await extractor.extract(clip(at('long.mov'), { startS: 1.52, endS: 3 }), config);
    // At 0 and 1 s of it; for 2 s its last frame, 74 of the file, is the nearest.
    expect(rgb?.data).toEqual(framesOf(at('long.mov'), [38, 63, 74], 64, 48));
    const samples = samplesOf(at('long.mov')).subarray(1.52 * RATE_HZ, 3 * RATE_HZ);
    expect(difference(audio, samples)).toBeLessThan(1e-6);
  });

  test('lacks what begins only beyond the end of the file', async () => {
    await expect(
      extractor.extract(clip(at('long.mov'), { startS: 60, endS: 63 }), config),
    ).rejects.toMatchObject({ code: 'nothing-usable' });
  });
});

describe('a clip whose sound lies in a file of its own, as CREMA-D has it', () => {
  beforeAll(() => {
    const hum = ['-f', 'lavfi', '-i', 'sine=3000:sample_rate=44100:duration=3'];
    ffmpeg(...picture(3), ...hum, '-c:v', 'flv', ...PCM, at('a.flv'));
    ffmpeg(...sweep(3), ...PCM, at('a.wav'));
  });

  test('sounds like that file and looks like its own', async () => {
    const both = await extractor.extract(clip(at('a.flv'), { audioPath: at('a.wav') }), config);
    expect(both.missing).toEqual({});
    expect(difference(both.audio, samplesOf(at('a.wav')))).toBeLessThan(1e-6);
    expect(both.rgb?.data).toEqual(framesOf(at('a.flv'), [0, 25, 50], 64, 48));
  });

  test('keeps its pictures when that file is broken, and its sound when the pictures are', async () => {
    writeFileSync(at('broken'), 'no media\n'.repeat(99));
    for (const audioPath of [at('broken'), at('nowhere.wav')]) {
      const { rgb, missing } = await extractor.extract(clip(at('a.flv'), { audioPath }), config);
      expect(rgb?.shape).toEqual([3, 48, 64, 3]);
      expect(missing).toMatchObject({ audio: { code: 'undecodable' } });
    }
    const blind = await extractor.extract(clip(at('broken'), { audioPath: at('a.wav') }), config);
    expect(blind.missing).toMatchObject({ rgb: { code: 'undecodable' } });
    expect(difference(blind.audio, samplesOf(at('a.wav')))).toBeLessThan(1e-6);
  });
});

describe('sound', () => {
  test('in AAC ends where the clip ends, and not with the codec’s last packet', async () => {
    ffmpeg(...sweep(1, ['s'], 'mono', 44_100), '-c:a', 'aac', at('tail.m4a'));
    const { audio } = await extractor.extract(clip(at('tail.m4a')), config);
    const [, columns] = audio?.shape ?? [0, 0];
    const loudest = (t: number) =>
      Math.max(...Array.from({ length: 257 }, (_, f) => audio?.data[f * columns + t] ?? NaN));
    // Column 60 lies at 0.96 s; the window of column 64 begins 286 samples after 1 s.
    expect(loudest(60)).toBeGreaterThan(0);
    for (let t = 64; t < columns; t += 1) expect(loudest(t)).toBeCloseTo(Math.log(LOG_OFFSET), 5);
  });

  test('of one stereo channel is half as loud: the mean of both', async () => {
    ffmpeg(...sweep(3, ['s', '0'], 'stereo'), ...PCM, at('left.wav'));
    ffmpeg(...sweep(3), ...PCM, at('mono.wav'));
    const { audio } = await extractor.extract(clip(at('left.wav')), config);
    expect(
      difference(
        audio,
        samplesOf(at('mono.wav')).map((value) => value / 2),
      ),
    ).toBeLessThan(1e-6);
  });

  test('that is the same in all of 5.1 channels is as loud as each of them', async () => {
    ffmpeg(...sweep(3, ['s', 's', 's', '0', 's', 's'], '5.1'), ...PCM, at('surround.wav'));
    ffmpeg(...sweep(3), ...PCM, at('mono.wav'));
    const { audio } = await extractor.extract(clip(at('surround.wav')), config);
    expect(difference(audio, samplesOf(at('mono.wav')))).toBeLessThan(1e-4);
  });

  test('at 8 kHz keeps its pitch, and nothing is above 4 kHz', async () => {
    ffmpeg('-f', 'lavfi', '-i', 'sine=1000:sample_rate=8000:duration=3', ...PCM, at('phone.wav'));
    const { audio } = await extractor.extract(clip(at('phone.wav')), config);
    const [, columns] = audio?.shape ?? [0, 0];
    const column = Array.from({ length: 257 }, (_, f) => Math.exp(audio?.data[f * columns + 90] ?? NaN));
    const highest = Math.max(...column);
    // Bins are 43.07 Hz apart: 1000 Hz is bin 23.2, 4 kHz is bin 92.9.
    expect(column.indexOf(highest)).toBe(23);
    expect(Math.max(...column.slice(95))).toBeLessThan(1e-3 * highest);
  });
});

test('a clip is not given up because the clock jumps while it is extracted', async () => {
  ffmpeg(...picture(1), ...sweep(1), ...H264, ...PCM, at('plain.mov'));
  const right = await extractor.extract(clip(at('plain.mov')), config);
  await withJumpingDate(async () => {
    const { rgb, audio } = await extractor.extract(clip(at('plain.mov')), config);
    expect({ rgb, audio }).toEqual({ rgb: right.rgb, audio: right.audio });
    expect(rgb).toBeDefined();
  });
});
