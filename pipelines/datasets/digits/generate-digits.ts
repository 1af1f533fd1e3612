/** Makes the embedded data: a few hundred labelled audio-visual clips, real mp4 files. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa, ExecaError } from 'execa';
import pLimit from 'p-limit';
import { usableCores } from '../../process/machine/machine.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ffmpegPath } from '../../process/ffmpeg-path.ts';
import { CLIP_FOLDER, CLIP_LIST, clipListText } from './clip-list.ts';
import { chooseSpeech, missingFilters } from './choose-speech.ts';
import { findFonts } from './find-fonts.ts';
import { digitFileName, planDigits, type DigitClip, type DigitsConfig } from './plan-digits.ts';
import { DIGIT_WORDS } from './pools.ts';
import { renderArguments, spokenByEspeak, spokenByFlite, type ClipToRender } from './render-clip.ts';
import { startClipMaker, type ClipMaker } from './packaged/make-packaged-clips.ts';
import { speakWord } from './speak-word.ts';
import type { Speech } from './voices.ts';

export interface GenerateDigitsOptions {
  /** Clips there are, of all; `reused` of them were there before. */
  readonly onProgress?: ((progress: { done: number; total: number; reused: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Processes at a time; default: one a core. */
  readonly concurrency?: number;
  /** That one process makes at a time; default 8. */
  readonly clipsAtATime?: number;
  /** false: nothing is made. Default: true. */
  readonly makeMissing?: boolean | undefined;
}

export interface MadeDigits {
  readonly clips: readonly DigitClip[];
  /** What a person should know of how they were made. */
  readonly note?: string;
}

const PARTIAL_FOLDER = '.partial';
/** Starting ffmpeg costs as much as making a clip; more at a time gain little and are lost together. */
const CLIPS_AT_A_TIME = 8;
/** A clip takes a fraction of a second; longer means that ffmpeg hangs. */
const CLIP_TIMEOUT_MS = 60_000;
/** Half-written files older than this belong to no living generator. */
const PARTIAL_KEPT_MS = 3_600_000;
const CLIP_FILE = /^(?:train|test)-\d{5,}-[0-9a-f]{10}\.mp4$/u;

/**
 * Writes `root/clips/*.mp4`, then `root/clips.csv`. What is there already and belongs to this config is
 * kept, so that a call after an interruption goes on where that stopped, and a second one does nothing;
 * clips of another config are replaced.
 * @throws ModalmixError `dependency` (no ffmpeg, no flite or drawtext in it, no fonts, espeak-ng wanted), `cancelled`, `config`
 *   (the folder cannot be written)
 */
export async function generateDigits(
  config: DigitsConfig,
  options: GenerateDigitsOptions = {},
): Promise<MadeDigits> {
  const { speech, note } = await chooseSpeech(config.speech);
  const root = resolve(config.root);
  const folder = join(root, CLIP_FOLDER);
  const list = join(root, CLIP_LIST);
  const clips = planDigits({ ...config, speech });
  const made = { clips, ...(note === undefined ? {} : { note }) };
  const text = clipListText(clips);
  const present = new Set(await readdirOrNone(folder));
  const missing = clips.filter((clip) => !present.has(digitFileName(clip)));
  if (options.makeMissing === false) return made;
  if (missing.length === 0 && (await readTextOrNone(list)) === text) return made;

  await prepareFolders(root);
  if (missing.length > 0) await renderAll(missing, clips.length, { root, speech }, options);
  await removeStrangers(folder, clips);
  const partialList = partialFile(root, 'csv');
  await writeFile(partialList, text);
  await rename(partialList, list);
  return made;
}

async function renderAll(
  missing: readonly DigitClip[],
  total: number,
  { root, speech }: { readonly root: string; readonly speech: Speech },
  options: GenerateDigitsOptions,
): Promise<void> {
  const concurrency = options.concurrency ?? usableCores();
  const renderer = speech === 'packaged' ? packagedRenderer(root) : await ffmpegRenderer(missing, root);
  const reused = total - missing.length;
  let done = reused;
  options.onProgress?.({ done, total, reused });
  // The first failure stops the processes of the others.
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const limit = pLimit(concurrency);
  const batches = batchesOf(missing, options.clipsAtATime ?? CLIPS_AT_A_TIME);
  const jobs = batches.map((clips) =>
    limit(async () => {
      if (signal.aborted) return;
      await renderer.render(clips, signal);
      done += clips.length;
      options.onProgress?.({ done, total, reused });
    }).catch((error: unknown) => {
      stop.abort();
      throw error;
    }),
  );
  const outcomes = await Promise.allSettled(jobs);
  renderer.close();
  if (options.signal?.aborted === true) {
    throw new ModalmixError('cancelled', 'the making of the digits was stopped', {
      where: root,
      fix: 'Start it again: the clips that are there are kept.',
    });
  }
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/**
 * At most `size` clips each, and at most one that flite speaks: the noise in its voices goes on from one word of a
 * process to the next, and a clip's bytes must not depend on the others.
 */
function batchesOf(clips: readonly DigitClip[], size: number): DigitClip[][] {
  const batches: DigitClip[][] = [];
  const others = clips.filter((clip) => !spokenByFlite(clip));
  for (const clip of clips.filter(spokenByFlite)) batches.push([clip, ...others.splice(0, size - 1)]);
  while (others.length > 0) batches.push(others.splice(0, size));
  return batches;
}

interface Renderer {
  /** Clips at a time; one that is not whole appears nowhere. */
  readonly render: (clips: readonly DigitClip[], signal: AbortSignal) => Promise<void>;
  readonly close: () => void;
}

async function ffmpegRenderer(missing: readonly DigitClip[], root: string): Promise<Renderer> {
  const ffmpeg = ffmpegPath();
  await checkFilters(ffmpeg);
  const fonts = await findFonts([...new Set(missing.map((clip) => clip.font))]);
  return {
    render: async (clips, signal) => {
      await renderClips(clips, { ffmpeg, fonts, root, signal });
    },
    close: () => undefined,
  };
}

/** As many processes as are asked at once. */
function packagedRenderer(root: string): Renderer {
  const idle: ClipMaker[] = [];
  const started: ClipMaker[] = [];
  return {
    render: async (clips, signal) => {
      const maker = idle.pop() ?? (await startClipMaker());
      if (!started.includes(maker)) started.push(maker);
      const onAbort = () => {
        maker.close();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const jobs = clips.map((clip) => ({ clip, output: partialFile(root, 'mp4') }));
      try {
        await maker.make(jobs);
        for (const { clip, output } of jobs) {
          await rename(output, join(root, CLIP_FOLDER, digitFileName(clip)));
        }
        idle.push(maker);
      } catch (error) {
        // Whoever stopped it knows.
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener('abort', onAbort);
        for (const { output } of jobs) {
          for (const file of [output, `${output}.wav`]) await rm(file, { force: true });
        }
      }
    },
    close: () => {
      for (const maker of started) maker.close();
    },
  };
}

interface RenderContext {
  readonly ffmpeg: string;
  readonly fonts: ReadonlyMap<string, string>;
  readonly root: string;
  readonly signal: AbortSignal;
}

/** Each clip is written aside and appears when it is whole. */
async function renderClips(clips: readonly DigitClip[], context: RenderContext): Promise<void> {
  const { ffmpeg, fonts, root, signal } = context;
  const partials: string[] = [];
  const partial = (extension: string) => {
    const file = partialFile(root, extension);
    partials.push(file);
    return file;
  };
  const [first] = clips;
  if (first === undefined) return;
  try {
    const jobs: ClipToRender[] = [];
    for (const clip of clips) {
      const job = { clip, output: partial('mp4') };
      const voice = spokenByEspeak(clip);
      const text = DIGIT_WORDS[clip.digit] ?? '';
      jobs.push(
        voice === undefined
          ? job
          : { ...job, word: await speakWord(voice, text, partial('wav'), { ...clip, signal }) },
      );
    }
    await execa(ffmpeg, renderArguments(jobs, fonts), {
      stdin: 'ignore',
      stdout: 'ignore',
      cancelSignal: signal,
      timeout: CLIP_TIMEOUT_MS,
    });
    for (const { clip, output } of jobs) await rename(output, join(root, CLIP_FOLDER, digitFileName(clip)));
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ExecaError)) throw error;
    const reason = String(error.stderr).trim().split('\n').at(-1) ?? '';
    throw new ModalmixError('transient', `ffmpeg could not make the clip: ${reason || error.shortMessage}`, {
      where: join(root, CLIP_FOLDER, digitFileName(first)),
      fix: 'Check that there is space on the disk; the clips that are there are kept.',
      cause: error,
    });
  } finally {
    for (const file of partials) await rm(file, { force: true });
  }
}

/** Builds of ffmpeg without these filters exist, and say so only in words of their own. */
async function checkFilters(ffmpeg: string): Promise<void> {
  const missing = await missingFilters(ffmpeg);
  if (missing.length === 0) return;
  throw new ModalmixError('dependency', `this ffmpeg has no filter ${missing.join(', ')}`, {
    where: ffmpeg,
    fix: "Use a build with libflite and libfreetype (Debian's and Ubuntu's have them), named by FFMPEG_PATH, or leave dataset.speech out.",
  });
}

async function prepareFolders(root: string): Promise<void> {
  const partialFolder = join(root, PARTIAL_FOLDER);
  try {
    await mkdir(join(root, CLIP_FOLDER), { recursive: true });
    await mkdir(partialFolder, { recursive: true });
  } catch (error) {
    throw new ModalmixError('config', 'the folder for the digits cannot be written', {
      where: `dataset.root: ${root}`,
      fix: 'Choose a folder that this user may write.',
      cause: error,
    });
  }
  for (const name of await readdir(partialFolder)) {
    const file = join(partialFolder, name);
    const facts = await stat(file).catch(() => undefined);
    if (facts !== undefined && Date.now() - facts.mtimeMs > PARTIAL_KEPT_MS) await rm(file, { force: true });
  }
}

/** Removes clips that this generator made for another config, and nothing else. */
async function removeStrangers(folder: string, clips: readonly DigitClip[]): Promise<void> {
  const ours = new Set(clips.map(digitFileName));
  for (const name of await readdir(folder)) {
    if (CLIP_FILE.test(name) && !ours.has(name)) await rm(join(folder, name), { force: true });
  }
}

function partialFile(root: string, extension: string): string {
  return join(root, PARTIAL_FOLDER, `${randomUUID()}.${extension}`);
}

async function readdirOrNone(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}

async function readTextOrNone(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch(() => undefined);
}
