/** Files that are not as most are: short, late, with holes, changing midway. Both engines take the same, and the right, of them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ExtractedClip, Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../../pipelines/extraction/node-av/pool.ts';
import type { Clip } from '../../../schemas/clip.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-odd-media-'));
const SIZE = 64 * 48 * 3;
/** A share of the loudest magnitude: what `docs/running.md` promises. */
const SOUND_TOLERANCE = 2e-3;
const at = (name: string) => join(folder, name);
const clip = (name: string, more: Partial<Clip> = {}): Clip => ({
  ...{ clipId: 'a', path: at(name), label: 0, split: 'train' },
  ...more,
});
const ask = (modalities: readonly string[], video: object = { sampling: 'start' }, more: object = {}) =>
  extractionConfigSchema.parse({ modalities, video: { shortSide: 48, ...video }, ...more });
const SOUND = ask(['audio']);
let program: Extractor;
let library: Extractor;

function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
}
const picture = (seconds: number, rate = '25', size = '96x72') =>
  ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${String(seconds)}`] as const;
const tone = (seconds: number, hz = 440, rateHz = 44_100) =>
  [
    '-f',
    'lavfi',
    '-i',
    `sine=${String(hz)}:sample_rate=${String(rateHz)}:duration=${String(seconds)}`,
  ] as const;
const H264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'] as const;

beforeAll(async () => {
  program = await createFfmpegExtractor();
  library = await createNodeAvExtractor();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function bothOf(what: Clip, how: typeof SOUND): Promise<ExtractedClip> {
  const [one, other] = await Promise.all([program.extract(what, how), library.extract(what, how)]);
  expect(Object.keys(other.missing)).toEqual(Object.keys(one.missing));
  expect(other.rgb?.shape).toEqual(one.rgb?.shape);
  expect(Buffer.compare(other.rgb?.data ?? Buffer.alloc(0), one.rgb?.data ?? Buffer.alloc(0))).toBe(0);
  expect(other.flow).toEqual(one.flow);
  expect(soundDifference(one, other)).toBeLessThan(SOUND_TOLERANCE);
  return other;
}

/** Largest difference of magnitude, as a share of the loudest. */
function soundDifference(a: ExtractedClip, b: ExtractedClip): number {
  const [x, y] = [a.audio?.data ?? new Float32Array(), b.audio?.data ?? new Float32Array()];
  let [loudest, largest] = [0, 0];
  x.forEach((value, i) => {
    loudest = Math.max(loudest, Math.exp(value));
    largest = Math.max(largest, Math.abs(Math.exp(value) - Math.exp(y[i] ?? 0)));
  });
  return loudest === 0 ? 0 : largest / loudest;
}

/** All frames of a file, by ffmpeg's own decoding, each brought to one size. */
function framesOf(name: string): Uint8Array[] {
  const scale = 'scale=64:48:flags=bicubic+accurate_rnd+full_chroma_int+bitexact,format=rgb24';
  const raw = ['-fps_mode', 'passthrough', '-f', 'rawvideo', at('all.rgb')];
  ffmpeg('-reinit_filter', '0', '-i', at(name), '-map', '0:V:0', '-vf', scale, ...raw);
  const bytes = new Uint8Array(readFileSync(at('all.rgb')));
  return Array.from({ length: bytes.length / SIZE }, (_, n) => bytes.subarray(n * SIZE, (n + 1) * SIZE));
}

/** Numbers of the frames of a row among all of the file's. */
function numbersOf({ rgb }: ExtractedClip, all: readonly Uint8Array[]): number[] {
  return Array.from({ length: rgb!.shape[0] }, (_, t) =>
    all.findIndex((frame) => Buffer.compare(frame, rgb!.data.subarray(t * SIZE, (t + 1) * SIZE)) === 0),
  );
}

async function frames(name: string, part: Partial<Clip> = {}, video: object = { sampling: 'start' }) {
  return numbersOf(await bothOf(clip(name, part), ask(['rgb'], video)), framesOf(name));
}

/** When the row's sound is heard, as `from–to` in tenths of a second. */
function heard({ audio }: ExtractedClip): string[] {
  const [bins, times] = audio!.shape;
  const columns = Array.from({ length: times }, (_, t) =>
    Array.from({ length: bins }, (_, f) => Math.exp(audio!.data[f * times + t]!)),
  );
  const loudest = columns.map((column) => Math.max(...column));
  const isLoud = loudest.map((value) => value > 0.3 * Math.max(...loudest));
  const spans: string[] = [];
  for (let t = 0; t < times; t += 1) {
    if (!isLoud[t] || isLoud[t - 1]) continue;
    let end = t;
    while (isLoud[end]) end += 1;
    const tenths = (column: number) => String(Math.round((column * 353 * 10) / 22_050));
    spans.push(`${tenths(t)}–${tenths(end)}`);
  }
  return spans;
}

/** Loudest frequency at a time, in Hz, to 43 Hz. */
function pitchAt({ audio }: ExtractedClip, seconds: number): number {
  const [bins, times] = audio!.shape;
  const t = Math.round((seconds * 22_050) / 353);
  const column = Array.from({ length: bins }, (_, f) => audio!.data[f * times + t]!);
  return (column.indexOf(Math.max(...column)) * 22_050) / 512;
}

describe('frames', () => {
  test('of a clip shorter than the window are those nearest to 0, 1 and 2 s', async () => {
    ffmpeg(...picture(1), ...H264, at('1.mp4'));
    ffmpeg(...picture(1.96), ...H264, at('1.96.mp4'));
    expect(await frames('1.mp4')).toEqual([0, 24, 24]);
    expect(await frames('1.96.mp4')).toEqual([0, 25, 48]);
  });

  test.each([
    ['two.flv', ['-c:v', 'flv']],
    ['two.h264', H264],
    ['two.mpg', ['-c:v', 'mpeg2video']],
  ] as const)('of %s, which ends on a sampling time, have the last one', async (name, codec) => {
    ffmpeg(...picture(2), ...codec, at(name));
    expect(await frames(name)).toEqual([0, 25, 49]);
    // Of the halves of 2 s: 0.5 s lies in the middle of frames 12 and 13.
    expect(await frames(name, {}, { frames: 2 })).toEqual([13, 38]);
  });

  test('of an FLV with a single frame are that one', async () => {
    ffmpeg(...picture(0.04), '-c:v', 'flv', at('one.flv'));
    expect(await frames('one.flv')).toEqual([0, 0, 0]);
    expect(await frames('one.flv', {}, {})).toEqual([0, 0, 0]);
  });

  test('of a part in which none begins are the one that is seen at its start', async () => {
    // Slides: at 0, 4 and 8 s.
    const slow = ['-vf', 'setpts=N*4/TB', '-fps_mode', 'passthrough'];
    ffmpeg(...picture(3, '1'), ...slow, ...H264, at('slides.mkv'));
    for (const video of [{ sampling: 'start' }, {}]) {
      expect(await frames('slides.mkv', { startS: 5, endS: 7 }, video)).toEqual([1, 1, 1]);
      expect(await frames('slides.mkv', { startS: 0.5, endS: 3 }, video)).toEqual([0, 0, 0]);
    }
  });

  test('are chosen by time, and brought to the first one’s size, where the size changes midway', async () => {
    ffmpeg(...picture(1), ...H264, at('large.h264'));
    ffmpeg(...picture(2, '25', '192x144'), '-vf', 'scale=48:36', ...H264, at('small.h264'));
    writeFileSync(
      at('both.h264'),
      Buffer.concat([readFileSync(at('large.h264')), readFileSync(at('small.h264'))]),
    );
    for (const name of ['sizes.mkv', 'sizes.ts']) {
      ffmpeg('-r', '25', '-i', at('both.h264'), '-c', 'copy', at(name));
      expect(await frames(name)).toEqual([0, 25, 50]);
      // Thirds of 3 s.
      expect(await frames(name, {}, {})).toEqual([13, 38, 63]);
    }
  });

  test('and the motion to the next are alike too, where clips are short, change or stand still', async () => {
    const moving = (video: object) => ask(['rgb', 'flow'], video);
    for (const name of ['1.mp4', 'two.flv', 'two.h264', 'sizes.mkv']) {
      for (const video of [{ sampling: 'start' }, {}]) {
        const row = await bothOf(clip(name), moving(video));
        expect([row.flow?.shape, row.missing], name).toEqual([[3, 48, 64, 2], {}]);
      }
    }
    // Only pairs that lie in the part are motion of it.
    const still = await bothOf(clip('slides.mkv', { startS: 5, endS: 7 }), moving({}));
    expect(still.missing).toMatchObject({ flow: { code: 'too-short' } });
    expect(numbersOf(still, framesOf('slides.mkv'))).toEqual([1, 1, 1]);
  });

  test('are of the film, where a still is the first video stream', async () => {
    ffmpeg(...picture(0.04, '25', '128x128'), '-frames:v', '1', at('still.png'));
    ffmpeg(...picture(3), ...tone(3), ...H264, '-c:a', 'pcm_s16le', at('film.mkv'));
    ffmpeg(
      ...['-i', at('still.png'), '-i', at('film.mkv'), '-map', '0', '-map', '1', '-c', 'copy'],
      at('still-first.mkv'),
    );
    const row = await bothOf(clip('still-first.mkv'), ask(['rgb', 'audio']));
    expect(numbersOf(row, framesOf('film.mkv'))).toEqual([0, 25, 50]);
    expect(row.missing).toEqual({});
  });

  test.each(['mpegts', 'mpeg'])('late in a long %s are found without reading all before', async (format) => {
    const name = `long.${format}`;
    const codec = ['-c:v', 'mpeg2video', '-g', '50', '-bf', '2', '-c:a', 'mp2'];
    ffmpeg(...picture(40), ...tone(40), ...codec, '-f', format, at(name));
    const part = { startS: 30.2, endS: 33.2 };
    const row = await bothOf(clip(name, part), ask(['rgb', 'audio']));
    expect(numbersOf(row, framesOf(name))).toEqual([755, 780, 805]);
    expect(row.missing).toEqual({});
  });
});

describe('sound', () => {
  test.each([
    ['late.mkv', ['-c:a', 'pcm_s16le']],
    ['late.mp4', ['-c:a', 'aac']],
    ['late.ts', ['-c:a', 'aac']],
  ] as const)('that starts a second late is heard then: %s', async (name, codec) => {
    ffmpeg(...picture(4), '-itsoffset', '1', ...tone(3), ...H264, ...codec, at(name));
    expect(heard(await bothOf(clip(name), SOUND))).toEqual(['10–30']);
    // Of a part too: 0.5 s of silence, then 1.5 s of sound, over again.
    expect(heard(await bothOf(clip(name, { startS: 0.5, endS: 2.5 }), SOUND))).toEqual(['5–20', '25–30']);
  });

  test.each([
    ['hole.mkv', 'pcm_s16le'],
    ['hole.mp4', 'aac'],
  ])('with a hole has silence there: %s', async (name, codec) => {
    const hole = ['-af', "aselect='not(between(t,1,2))'"];
    ffmpeg(...picture(4), ...tone(4), ...hole, ...H264, '-c:a', codec, at(name));
    expect(heard(await bothOf(clip(name), SOUND))).toEqual(['0–10', '20–30']);
  });

  test('whose hole is not over when the window ends is not repeated in it', async () => {
    const hole = ['-af', "aselect='not(between(t,1.5,5))'"];
    ffmpeg(...picture(8), ...tone(8), ...hole, ...H264, '-c:a', 'pcm_s16le', at('long-hole.mkv'));
    expect(heard(await bothOf(clip('long-hole.mkv'), SOUND))).toEqual(['0–15']);
    // Of a part that ends in the hole it is.
    const part = { startS: 0.5, endS: 4 };
    expect(heard(await bothOf(clip('long-hole.mkv', part), SOUND))).toEqual(['0–30']);
  });

  test('that changes its rate or its channels midway goes on', async () => {
    const join = (name: string, ...parts: readonly (readonly string[])[]) => {
      const pieces = parts.map((args, n) => {
        const piece = at(`${String(n)}-${name}`);
        ffmpeg(...args, piece);
        return readFileSync(piece);
      });
      writeFileSync(at(name), Buffer.concat(pieces));
    };
    const mp3 = ['-c:a', 'libmp3lame', '-ac', '1'];
    join('rate.mp3', [...tone(1.5, 440), ...mp3], [...tone(1.5, 1_200, 22_050), ...mp3]);
    const ac3 = ['-c:a', 'ac3'];
    join(
      'surround.ts',
      [...tone(1.5, 440, 48_000), '-ac', '2', ...ac3],
      [...tone(1.5, 1_200, 48_000), '-ac', '6', ...ac3, '-output_ts_offset', '1.5'],
    );
    join('stereo.aac', [...tone(1.5, 440), '-ac', '1'], [...tone(1.5, 1_200), '-ac', '2']);
    for (const name of ['rate.mp3', 'surround.ts', 'stereo.aac']) {
      const row = await bothOf(clip(name), SOUND);
      expect(Math.abs(pitchAt(row, 1) - 440), name).toBeLessThan(43);
      expect(Math.abs(pitchAt(row, 2) - 1_200), name).toBeLessThan(43);
    }
  });

  test('of channels that cancel each other out is the first one', async () => {
    const opposite = ['-f', 'lavfi', '-i', "aevalsrc='0.3*sin(2*PI*880*t)|-0.3*sin(2*PI*880*t)':s=44100:d=3"];
    ffmpeg(...opposite, '-c:a', 'pcm_s16le', at('opposite.wav'));
    const row = await bothOf(clip('opposite.wav'), SOUND);
    expect(row.missing).toEqual({});
    expect(Math.abs(pitchAt(row, 1) - 880)).toBeLessThan(43);
  });

  test('of nine channels is their mean', async () => {
    const samples = Int16Array.from({ length: 9 * 3 * 44_100 }, (_, i) =>
      Math.round(10_000 * Math.sin((2 * Math.PI * 880 * Math.floor(i / 9)) / 44_100)),
    );
    writeFileSync(at('nine.s16'), samples);
    ffmpeg('-f', 's16le', '-ar', '44100', '-ac', '9', '-i', at('nine.s16'), '-c', 'copy', at('nine.wav'));
    const row = await bothOf(clip('nine.wav'), SOUND);
    expect(row.missing).toEqual({});
    expect(Math.abs(pitchAt(row, 1) - 880)).toBeLessThan(43);
  });

  test('of ambisonics is the channel of all directions', async () => {
    // The others are loud, and of another pitch.
    const channels = ['0.1*sin(2*PI*880*t)', ...Array<string>(3).fill('0.4*sin(2*PI*3000*t)')].join('|');
    const source = ['-f', 'lavfi', '-i', `aevalsrc='${channels}':s=48000:d=3:c=4.0`];
    ffmpeg(...source, '-c:a', 'libopus', '-mapping_family', '2', '-b:a', '256k', at('ambisonic.ogg'));
    const row = await bothOf(clip('ambisonic.ogg'), SOUND);
    expect(row.missing).toEqual({});
    expect(Math.abs(pitchAt(row, 1) - 880)).toBeLessThan(43);
  });

  test('that begins after the window, or holds no numbers, is missing', async () => {
    ffmpeg(...picture(5), '-itsoffset', '3.02', ...tone(1.5), ...H264, '-c:a', 'pcm_s16le', at('after.mkv'));
    ffmpeg('-f', 'lavfi', '-i', 'aevalsrc=0/0:s=22050:d=3', '-c:a', 'pcm_f32le', at('nan.wav'));
    const both = ask(['rgb', 'audio']);
    for (const engine of [program, library]) {
      const { missing } = await engine.extract(clip('after.mkv'), both);
      expect(missing).toMatchObject({ audio: { code: 'silent' } });
      await expect(engine.extract(clip('nan.wav'), SOUND)).rejects.toMatchObject({
        code: 'nothing-usable',
        message: expect.stringContaining('number') as string,
      });
    }
  });

  test('of a part of ADPCM is the part’s', async () => {
    const chirp = ['-f', 'lavfi', '-i', "aevalsrc='0.4*sin(2*PI*t*(300+100*t))':s=22050:d=8"];
    ffmpeg(...chirp, '-c:a', 'adpcm_ms', at('chirp.wav'));
    const row = await bothOf(clip('chirp.wav', { startS: 5, endS: 8 }), SOUND);
    // 300 + 200 · t Hz, at 6 s.
    expect(Math.abs(pitchAt(row, 1) - 1_500)).toBeLessThan(60);
  });
});
