/** A clip's own file, for a player: in parts, from the folders of its dataset alone, by real path. */
import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { execa } from 'execa';
import { readRunConfig } from '../../../activities/run-config.ts';
import { isSoundFile, isVideoFile } from '../../../pipelines/datasets/media-files.ts';
import { confinedFfmpeg } from '../../../pipelines/extraction/ffmpeg/confined-command.ts';
import { findRunDataset } from '../../../pipelines/shards/manifest/load-manifest.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { liesIn } from '../stores.ts';
import type { Clip } from './clip-table.ts';

/** What browsers play as it is; everything else is translated for them. */
const PLAYABLE: Readonly<Record<string, string>> = {
  '.mp4': 'video/mp4',
  '.m4v': 'video/mp4',
  '.mov': 'video/mp4',
  '.webm': 'video/webm',
  '.mp3': 'audio/mpeg',
  '.m4a': 'audio/mp4',
  '.aac': 'audio/aac',
  '.wav': 'audio/wav',
  '.flac': 'audio/flac',
  '.ogg': 'audio/ogg',
  '.oga': 'audio/ogg',
  '.opus': 'audio/ogg',
};
const TRANSLATED_S = 120;
const TRANSLATE_TIMEOUT_MS = 60_000;
/** Each, to decode and to encode: trainings have the machine. */
const THREADS = ['-threads', '2'];
const MOST_TRANSLATED_BYTES = 64 * 2 ** 20;

export function mediaKind(path: string): 'video' | 'audio' | undefined {
  if (isSoundFile(path)) return 'audio';
  return isVideoFile(path) ? 'video' : undefined;
}

/** The media type by which a browser plays the file as it is; undefined: it is to be translated. */
export function playableType(path: string): string | undefined {
  return PLAYABLE[extname(path).toLowerCase()];
}

/** The folders that the configs of this version's runs name. */
export async function datasetFolders(store: Store, name: string, version: string): Promise<string[]> {
  const paths = await store.list(storePaths.runs);
  const folders = new Set<string>();
  for (const path of paths) {
    const [, runId, file, deeper] = path.split('/');
    if (file !== 'dataset.json' || deeper !== undefined || runId === undefined) continue;
    try {
      const dataset = await findRunDataset(store, runId);
      if (dataset?.name !== name || dataset.version !== version) continue;
      for (const folder of foldersOf((await readRunConfig(store, runId)).dataset)) folders.add(folder);
    } catch {
      // A run of another release says nothing of where clips are.
    }
  }
  return [...folders];
}

function foldersOf(dataset: DatasetConfig): string[] {
  if ('file' in dataset) return [dataset.root ?? dirname(dataset.file)];
  return [dataset.root];
}

/**
 * Opens it by its real path.
 *
 * @param folders outside of which nothing is opened
 * @throws ModalmixError `input` where it is gone, no media file, or really lies elsewhere
 */
export async function openMedia(
  path: string,
  folders: readonly string[],
): Promise<{ readonly file: FileHandle; readonly size: number; readonly real: string }> {
  if (mediaKind(path) === undefined) throw new ModalmixError('input', 'it is no media file', { where: path });
  if (folders.length === 0)
    throw new ModalmixError('input', 'no run of this store says where the files of this dataset are', {
      where: path,
    });
  if (!(await liesIn(path, folders))) {
    throw new ModalmixError(
      'input',
      'the file is gone, or really lies outside of its dataset’s folder, and is not shown',
      { where: path },
    );
  }
  const real = await realpath(path);
  // Between the look and the opening nobody puts a link there.
  const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW);
  const found = await file.stat();
  if (found.isFile()) return { file, size: found.size, real };
  await file.close();
  throw new ModalmixError('input', 'it is no file', { where: path });
}

export interface ByteRange {
  readonly start: number;
  /** The last byte's place. */
  readonly end: number;
}

/**
 * RFC 9110, 14.1.2; of several ranges, none: the whole is sent.
 *
 * @returns undefined for the whole; `unsatisfiable` where it begins behind the end
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/u.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const count = Number(last);
    if (count === 0 || size === 0) return 'unsatisfiable';
    return { start: Math.max(0, size - count), end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

/**
 * The clip's part of a file as an MP4 of H.264 and AAC, at most two minutes.
 *
 * @param real a path that may be read
 * @param signal ends it
 * @throws ModalmixError `input` where ffmpeg cannot, or was ended
 */
export async function translate(
  real: string,
  { startS = 0, endS }: Pick<Clip, 'startS' | 'endS'>,
  signal: AbortSignal,
): Promise<Buffer> {
  const length = Math.min(TRANSLATED_S, endS === undefined ? TRANSLATED_S : endS - startS);
  const [program, args] = confinedFfmpeg(
    [
      ...[
        '-nostdin',
        '-loglevel',
        'error',
        ...THREADS,
        '-ss',
        String(startS),
        '-t',
        String(length),
        '-i',
        `file:${real}`,
      ],
      ...['-map', '0:v:0?', '-map', '0:a:0?', '-sn', '-dn', '-map_metadata', '-1'],
      ...[...THREADS, '-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-pix_fmt', 'yuv420p'],
      ...['-vf', 'scale=trunc(iw/2)*2:trunc(ih/2)*2', '-c:a', 'aac', '-ac', '2', '-b:a', '128k'],
      ...['-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4', 'pipe:1'],
    ],
    TRANSLATE_TIMEOUT_MS,
  );
  try {
    const { stdout } = await execa(program, args, {
      encoding: 'buffer',
      timeout: TRANSLATE_TIMEOUT_MS,
      maxBuffer: MOST_TRANSLATED_BYTES,
      cancelSignal: signal,
    });
    return Buffer.from(stdout);
  } catch (cause) {
    throw new ModalmixError('input', 'the file cannot be made into something that a browser plays', {
      where: real,
      cause,
    });
  }
}
