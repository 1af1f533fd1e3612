/**
 * Which of a dataset's files make one clip: a video, a sound, a picture or a folder of frames, the sound beside it, and
 * features that were computed elsewhere. Pure.
 */
import { posix } from 'node:path';
import { featureFile, isPictureFile, isSoundFile, isVideoFile } from '../media-files.ts';

/** Paths are below the root, with `/`. */
export interface ClipFiles {
  /** The file, or the folder of frames, that the clip is named after. */
  readonly path: string;
  /** Without a file's extension. */
  readonly stem: string;
  readonly kind: 'video' | 'sound' | 'picture' | 'frames' | 'features';
  /** A sound of its own. */
  readonly audio?: string;
  /** Files by the features' name. */
  readonly features?: Readonly<Record<string, string>>;
}

export interface FoundClipFiles {
  /** In the order of their files. */
  readonly clips: readonly ClipFiles[];
  /** Files that are in no clip. */
  readonly leftOut: readonly string[];
}

/**
 * - A sound beside a video or a picture of its name (`x.wav`, `x.mp4`) is that one's sound.
 * - Pictures count where there is no video, and where they have sounds or there is no sound at all; else they are covers and
 *   thumbnails, and left out. A folder of pictures below a class's is one clip, its pictures the frames, unless they have a
 *   sound each; its sound is called as the folder is and lies beside it, or is the only one in it, or in the folder around it.
 * - `<clip>.<name>.npy` beside a clip are its features; where there are no media at all they are the clips.
 *
 * @param paths sorted
 * @param classDepth folders above a class's own: 0, or 1 below a split's
 */
export function clipFiles(paths: readonly string[], classDepth: number): FoundClipFiles {
  const sounds = paths.filter(isSoundFile);
  const soundOf = new Map<string, string>();
  for (const sound of sounds) {
    const stem = withoutExtension(sound);
    if (!soundOf.has(stem)) soundOf.set(stem, sound);
  }
  const visual = paths.some(isVideoFile)
    ? paths.filter(isVideoFile).map((path) => withSound('video', path, soundOf))
    : pictureClips(paths, soundOf, classDepth);
  const used = new Set(visual.flatMap(({ path, audio }) => [path, audio]));
  // A second sound of the same name is nobody's.
  const seconds = new Set(sounds.filter((sound) => soundOf.get(withoutExtension(sound)) !== sound));
  const alone = sounds
    .filter((sound) => !used.has(sound) && !seconds.has(sound))
    .map((path): ClipFiles => ({ path, stem: withoutExtension(path), kind: 'sound' }));
  const features = featuresByStem(paths);
  const media = [...visual, ...alone].map((clip) => {
    const own = features.get(clip.stem);
    return own === undefined ? clip : { ...clip, features: own };
  });
  const all = media.length > 0 ? media : featureClips(features);
  const clips = all.sort((a, b) => (a.path < b.path ? -1 : 1));
  const taken = new Set(
    clips.flatMap(({ path, audio, features: own = {} }) => [path, audio, ...Object.values(own)]),
  );
  return {
    clips,
    leftOut: paths.filter(
      (path) => !taken.has(path) && !(isPictureFile(path) && taken.has(posix.dirname(path))),
    ),
  };
}

function featuresByStem(paths: readonly string[]): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const found = new Map<string, Record<string, string>>();
  for (const path of paths) {
    const file = featureFile(path);
    if (file === undefined) continue;
    found.set(file.stem, { ...found.get(file.stem), [file.name]: path });
  }
  return found;
}

/** Named after their stem, wherever each lies. */
function featureClips(features: ReadonlyMap<string, Readonly<Record<string, string>>>): ClipFiles[] {
  return [...features].map(([stem, own]) => ({
    ...{ path: Object.values(own)[0] ?? '', stem, features: own },
    kind: 'features',
  }));
}

function withSound(kind: 'video' | 'picture', path: string, soundOf: ReadonlyMap<string, string>): ClipFiles {
  const stem = withoutExtension(path);
  const audio = soundOf.get(stem);
  return { path, stem, kind, ...(audio === undefined ? {} : { audio }) };
}

/** Stills and folders of frames; none where pictures seem to be something else. */
function pictureClips(
  paths: readonly string[],
  soundOf: ReadonlyMap<string, string>,
  classDepth: number,
): ClipFiles[] {
  const byFolder = byFolderOf(paths.filter(isPictureFile));
  const soundsIn = byFolderOf(paths.filter(isSoundFile));
  const clips = [...byFolder].flatMap(([folder, pictures]): ClipFiles[] => {
    const stills = pictures.map((path) => withSound('picture', path, soundOf));
    const depth = folder === '.' ? 0 : folder.split('/').length;
    if (depth <= classDepth + 1 || stills.some(({ audio }) => audio !== undefined)) return stills;
    const around = posix.dirname(folder);
    const inside = soundsIn.get(folder) ?? [];
    const beside = soundsIn.get(around) ?? [];
    const onlyFolder = [...byFolder.keys()].filter((other) => posix.dirname(other) === around).length === 1;
    const audio =
      soundOf.get(folder) ??
      (inside.length === 1 ? inside[0] : undefined) ??
      (depth > classDepth + 2 && onlyFolder && beside.length === 1 ? beside[0] : undefined);
    return [{ path: folder, stem: folder, kind: 'frames', ...(audio === undefined ? {} : { audio }) }];
  });
  return soundsIn.size > 0 && clips.every(({ audio }) => audio === undefined) ? [] : clips;
}

function byFolderOf(paths: readonly string[]): ReadonlyMap<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const path of paths) {
    const folder = posix.dirname(path);
    const members = folders.get(folder);
    if (members === undefined) folders.set(folder, [path]);
    else members.push(path);
  }
  return folders;
}

function withoutExtension(path: string): string {
  return path.slice(0, path.length - posix.extname(path).length);
}
