import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Clip } from '../../../schemas/clip.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';

vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-media-'));
const config = extractionConfigSchema.parse({ video: { sampling: 'start', shortSide: 64 } });
const at = (name: string) => join(folder, name);
const clip = (path: string, more: Partial<Clip> = {}): Clip => ({
  clipId: 'a',
  path,
  label: 0,
  split: 'train',
  ...more,
});
let extractor: Extractor;

function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
}

const picture = (size: string, rate: string, seconds = 3) =>
  ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${String(seconds)}`] as const;
const tone = (rateHz = 44_100, seconds = 3) =>
  ['-f', 'lavfi', '-i', `sine=440:sample_rate=${String(rateHz)}:duration=${String(seconds)}`] as const;

/** Frames by number, by ffmpeg's own `select`, scaled as documented. */
function selected(file: string, numbers: readonly number[], width: number, height: number): Uint8Array {
  const out = at('selected.rgb');
  const choice = numbers.map((n) => `eq(n,${String(n)})`).join('+');
  const scale = `scale=${String(width)}:${String(height)}:flags=bicubic+accurate_rnd+full_chroma_int+bitexact`;
  ffmpeg(
    '-i',
    file,
    '-vf',
    `select='${choice}',${scale},format=rgb24`,
    '-fps_mode',
    'passthrough',
    '-f',
    'rawvideo',
    out,
  );
  return new Uint8Array(readFileSync(out));
}

beforeAll(async () => {
  extractor = await createFfmpegExtractor();
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('frames', () => {
  test.each([
    ['25 fps', '25', [0, 25, 50]],
    ['29.97 fps', '30000/1001', [0, 30, 60]],
  ] as const)('of a clip of %s are those nearest each second', async (_name, rate, numbers) => {
    const file = at('cfr.mp4');
    ffmpeg(...picture('96x72', rate), '-c:v', 'libx264', '-preset', 'ultrafast', file);
    const { rgb } = await extractor.extract(clip(file), config);
    expect(rgb?.shape).toEqual([3, 64, 85, 3]);
    expect(rgb?.data).toEqual(selected(file, numbers, 85, 64));
  });

  test('of a clip with a variable rate go by its timestamps', async () => {
    const file = at('vfr.mkv');
    // Frames 0…9 are 0.05 s apart, the rest 0.2 s: 1 s lies between frames 12 (0.9 s) and 13 (1.1 s) by a hair.
    ffmpeg(
      ...picture('96x72', '10'),
      ...['-vf', "settb=1/1000,setpts='if(lt(N,10),N*50,500+(N-10)*190)'", '-fps_mode', 'passthrough'],
      ...['-c:v', 'libx264', '-preset', 'ultrafast', file],
    );
    const { rgb } = await extractor.extract(clip(file), config);
    // 500 + 3·190 = 1070 and 500 + 2·190 = 880: 1070 is nearer to 1000; 500 + 8·190 = 2020 to 2000.
    expect(rgb?.data).toEqual(selected(file, [0, 13, 18], 85, 64));
  });

  test('of a clip that ends early repeat the last one', async () => {
    const file = at('short.mp4');
    ffmpeg(...picture('96x72', '25', 1), '-c:v', 'libx264', '-preset', 'ultrafast', file);
    const { rgb } = await extractor.extract(clip(file), config);
    const size = 85 * 64 * 3;
    expect(rgb?.data.subarray(size, 2 * size)).toEqual(rgb?.data.subarray(2 * size));
  });
});

describe('media of all sorts', () => {
  test.each([
    ['avi with xvid and mp3', 'a.avi', ['-c:v', 'mpeg4', '-vtag', 'xvid', '-c:a', 'libmp3lame']],
    ['flv with mp3', 'a.flv', ['-c:v', 'flv', '-c:a', 'libmp3lame']],
    [
      'webm with vp9 and opus',
      'a.webm',
      ['-c:v', 'libvpx-vp9', '-cpu-used', '8', '-deadline', 'realtime', '-c:a', 'libopus'],
    ],
    [
      'mov with six channels',
      'a.mov',
      ['-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac', '-ac', '6'],
    ],
    ['mkv with 8 kHz', 'a.mkv', ['-c:v', 'mjpeg', '-c:a', 'pcm_s16le', '-ar', '8000']],
  ] as const)('%s gives sound and pictures', async (_name, name, codecs) => {
    ffmpeg(...picture('98x74', '25'), ...tone(), ...codecs, at(name));
    const { audio, rgb, missing } = await extractor.extract(clip(at(name)), config);
    expect(missing).toEqual({});
    expect(rgb?.shape).toEqual([3, 64, 84, 3]);
    expect(audio?.shape).toEqual([257, 188]);
    // 440 Hz lies in bin 10.2 of 43 Hz each.
    const column = Array.from({ length: 257 }, (_, f) => audio?.data[f * 188 + 90] ?? 0);
    expect(column.indexOf(Math.max(...column))).toBe(10);
  });

  test('a silent clip lacks its audio, one without a stream too, one without pictures these', async () => {
    ffmpeg(
      ...picture('96x72', '10'),
      '-f',
      'lavfi',
      '-i',
      'anullsrc=d=3',
      '-c:a',
      'pcm_s16le',
      at('silent.mkv'),
    );
    ffmpeg(...picture('96x72', '10'), at('mute.mp4'));
    ffmpeg(...tone(), at('blind.wav'));
    expect((await extractor.extract(clip(at('silent.mkv')), config)).missing).toMatchObject({
      audio: { code: 'silent' },
    });
    expect((await extractor.extract(clip(at('mute.mp4')), config)).missing).toMatchObject({
      audio: { code: 'no-stream' },
    });
    expect((await extractor.extract(clip(at('blind.wav')), config)).missing).toMatchObject({
      rgb: { code: 'no-stream' },
    });
  });

  test('a clip cut off in the middle is used as far as it goes', async () => {
    ffmpeg(...picture('96x72', '25'), ...tone(), '-c:v', 'mpeg4', '-c:a', 'libmp3lame', at('cut.avi'));
    truncateSync(at('cut.avi'), readFileSync(at('cut.avi')).length >> 1);
    const { rgb, audio } = await extractor.extract(clip(at('cut.avi')), config);
    expect([rgb?.shape, audio?.shape]).toEqual([
      [3, 64, 85, 3],
      [257, 188],
    ]);
  });
});

describe('hostile media', () => {
  test.each([
    ['a concat list', 'x.mp4', "ffconcat version 1.0\nfile 'secret.mp4'\n"],
    [
      'a playlist',
      'x.m3u8',
      '#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile:secret.mp4\n#EXT-X-ENDLIST\n',
    ],
    ['text', 'x.avi', 'hello\n'.repeat(100)],
    ['nothing but zeros', 'z.mp4', '\0'.repeat(5000)],
  ])('%s is not read as media', async (_name, name, content) => {
    ffmpeg(...picture('96x72', '10', 1), at('secret.mp4'));
    writeFileSync(at(name), content);
    await expect(extractor.extract(clip(at(name)), config)).rejects.toMatchObject({ code: 'unreadable' });
  });

  test('a name that looks like an option, or holds odd characters, is only a name', async () => {
    ffmpeg(...picture('96x72', '10', 1), at('plain.mp4'));
    for (const name of ['-i.mp4', "it's %d [a]:b\n  Duration: 9.mp4"]) {
      writeFileSync(at(name), readFileSync(at('plain.mp4')));
      expect((await extractor.extract(clip(at(name)), config)).rgb?.shape).toEqual([3, 64, 85, 3]);
    }
  });

  test('a clip that takes too long is given up', async () => {
    ffmpeg(...picture('640x480', '30', 20), '-c:v', 'libx264', '-preset', 'ultrafast', at('long.mp4'));
    const hurried = { ...config, limits: { ...config.limits, clipTimeoutS: 0.01 } };
    await expect(extractor.extract(clip(at('long.mp4')), hurried)).rejects.toMatchObject({ code: 'timeout' });
  });
});
