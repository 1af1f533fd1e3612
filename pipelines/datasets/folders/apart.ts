/** Sounds in one folder and their pictures in another (`audio/cat/1.wav`, `video/cat/1.mp4`): two clips of one, so refused. */
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ClipFiles } from './clip-files.ts';

/** Of the sounds without a picture, and of the pictures without a sound, those that have a partner in the other folder. */
const SHARE = 0.5;
const SOUND_FOLDER = /audio|sound|wav|speech|voice/iu;
const PICTURE_FOLDER = /video|visual|image|img|frame|picture|rgb|face/iu;

/**
 * @param classNames the folders that would be classes
 * @throws ModalmixError `config` that names both folders
 */
export function refuseApart(clips: readonly ClipFiles[], classNames: readonly string[], where: string): void {
  const folders = foldersApart(clips) ?? classesApart(clips, classNames);
  if (folders === undefined) return;
  throw new ModalmixError(
    'config',
    `${folders.sound} holds only sounds and ${folders.picture} only what is seen: each clip would become two`,
    {
      where,
      fix: 'Put each sound beside its video or picture under the same name, or list the clips with format: csv (path,label,audio_path).',
    },
  );
}

interface Apart {
  readonly sound: string;
  readonly picture: string;
}

/** Two folders whose clips have the same paths but for these folders' names. */
function foldersApart(clips: readonly ClipFiles[]): Apart | undefined {
  const sounds = clips.filter(({ kind }) => kind === 'sound');
  const pictures = clips.filter(
    ({ kind, audio }) => kind !== 'sound' && kind !== 'features' && audio === undefined,
  );
  if (sounds.length === 0 || pictures.length === 0) return undefined;
  /** By the path with one folder left open: the folders that stand there. */
  const places = new Map<string, string[]>();
  for (const { stem } of pictures) {
    for (const { open, folder } of openings(stem)) places.set(open, [...(places.get(open) ?? []), folder]);
  }
  const pairs = new Map<string, { apart: Apart; count: number }>();
  for (const { stem } of sounds) {
    for (const { open, folder } of openings(stem)) {
      for (const picture of places.get(open) ?? []) {
        const key = JSON.stringify([open.split('/').indexOf(''), folder, picture]);
        const pair = pairs.get(key) ?? { apart: { sound: folder, picture }, count: 0 };
        pairs.set(key, { ...pair, count: pair.count + 1 });
      }
    }
  }
  const least = SHARE * Math.max(sounds.length, pictures.length);
  return [...pairs.values()].find(({ count }) => count >= least)?.apart;
}

function openings(stem: string): { open: string; folder: string }[] {
  const parts = stem.split('/');
  return parts.slice(0, -1).map((folder, at) => ({ open: parts.with(at, '').join('/'), folder }));
}

/** Two "classes" that are called as what they hold. */
function classesApart(clips: readonly ClipFiles[], classNames: readonly string[]): Apart | undefined {
  const [first, second, ...others] = classNames;
  if (first === undefined || second === undefined || others.length > 0) return undefined;
  for (const [sound, picture] of [
    [first, second],
    [second, first],
  ] as const) {
    if (!SOUND_FOLDER.test(sound) || !PICTURE_FOLDER.test(picture)) continue;
    const inFolder = (name: string) => clips.filter(({ stem }) => stem.split('/').includes(name));
    const isApart =
      inFolder(sound).every(({ kind }) => kind === 'sound') &&
      inFolder(picture).every(({ kind }) => kind !== 'sound');
    if (isApart) return { sound, picture };
  }
  return undefined;
}
