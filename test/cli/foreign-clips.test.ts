/** Clips as they come: other containers and codecs, odd sizes, odd names, some of them broken. */
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ffmpegPath } from '../../pipelines/process/ffmpeg-path.ts';
import { wholeManifestSchema } from '../../schemas/manifest.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';

let project: Project;
let clips: string;
const at = (name: string) => join(clips, name);

async function make(name: string, sources: readonly string[], codecs: readonly string[]): Promise<void> {
  await mkdir(dirname(at(name)), { recursive: true });
  const inputs = sources.flatMap((source) => ['-f', 'lavfi', '-i', source]);
  await execa(ffmpegPath(), [
    '-nostdin',
    '-loglevel',
    'error',
    '-y',
    ...inputs,
    ...codecs,
    `file:${at(name)}`,
  ]);
}

const bars = (size: string, rate: string) => `testsrc2=size=${size}:rate=${rate}:duration=1`;
const fractal = (size: string, rate: string) => `mandelbrot=size=${size}:rate=${rate}`;
const TONE = 'sine=440:duration=1';
const NOISE = 'anoisesrc=duration=1:seed=1:amplitude=0.3';
const XVID = ['-t', '1', '-c:v', 'mpeg4', '-vtag', 'xvid', '-c:a', 'libmp3lame'];
const FLV = ['-t', '1', '-c:v', 'flv', '-c:a', 'libmp3lame', '-ar', '44100'];
const VP9 = ['-t', '1', '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'libopus'];
const H264 = ['-t', '1', '-c:v', 'libx264', '-preset', 'ultrafast'];
const SURROUND = [...H264, '-pix_fmt', 'yuv444p', '-c:a', 'aac', '-ac', '6'];
const PHONE = ['-t', '1', '-c:v', 'mjpeg', '-c:a', 'pcm_s16le', '-ar', '8000'];

beforeAll(async () => {
  project = await createProject();
  clips = await mkdtemp(join(tmpdir(), 'modalmix-foreign-'));
  await make('train/bars/a b.avi', [bars('75x49', '25'), TONE], XVID);
  await make('train/bars/-i "q".flv', [bars('64x48', '15'), TONE], FLV);
  await make('train/bars/mute.mp4', [bars('64x48', '10')], [...H264, '-pix_fmt', 'yuv420p']);
  await make('train/bars/only sound.mp3', [TONE], ['-c:a', 'libmp3lame']);
  await make("train/ünï/it's.webm", [fractal('48x65', '30'), NOISE], VP9);
  await make('train/ünï/日本.mov', [fractal('51x37', '24'), NOISE], SURROUND);
  await make('test/bars/c.mkv', [bars('48x64', '10'), TONE], PHONE);
  await make('test/ünï/d.avi', [fractal('64x48', '30000/1001'), NOISE], XVID);
  await writeFile(at('train/bars/empty.mp4'), '');
  await writeFile(at('train/bars/text.mp4'), 'this is no video\n');
  await make('train/ünï/cut.mp4', [fractal('64x48', '10'), NOISE], [...H264, '-pix_fmt', 'yuv420p']);
  await truncate(at('train/ünï/cut.mp4'), 2_000);
  await writeFile(at('train/ünï/notes.txt'), 'a note\n');
  await writeFile(at('train/ünï/.hidden.mp4'), 'hidden\n');
}, 300_000);
afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

it('a folder of clips of all sorts becomes a model, and each clip that could not be used is told', async () => {
  const config = await project.config('foreign', tinyConfig(clips, 'foreign', { epochs: 1 }));
  const { exitCode, stdout, stderr } = await project.modalmix('run', config);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);

  const store = project.store('foreign');
  const published = (await store.list('datasets')).find((name) => name.endsWith('/manifest.json'));
  const manifest = wholeManifestSchema.parse(JSON.parse((await store.get(published!)).toString()));
  expect(manifest.classNames).toEqual(['bars', 'ünï']);
  expect(manifest.splits.train).toEqual({
    rows: 6,
    classCounts: [4, 2],
    missingCounts: { audio: 1, rgb: 1 },
  });
  expect(manifest.splits.test).toEqual({ rows: 2, classCounts: [1, 1], missingCounts: { audio: 0, rgb: 0 } });
  expect(
    Object.fromEntries(manifest.quarantine.map(({ path, code }) => [relative(clips, path), code])),
  ).toEqual({
    'train/bars/empty.mp4': 'empty',
    'train/bars/text.mp4': 'unreadable',
    'train/ünï/cut.mp4': 'unreadable',
  });
  expect(manifest.index).toMatchObject({ listed: 11, found: 11 });

  expect(stdout).toContain('Data: 8 of 11 clips used, 1 of them without audio, 1 of them without rgb.\n');
  expect(stdout).toContain('    train/bars/empty.mp4: the file is empty\n');
  expect(stdout).toContain(`    ${at('train/ünï/cut.mp4')}: `);
  expect(stdout).toContain('notes.txt');
  const page = await readFile(/^Report: (.*)$/mu.exec(stdout)![1]!, 'utf8');
  for (const { clipId } of manifest.quarantine) expect(page).toContain(clipId);
}, 300_000);
