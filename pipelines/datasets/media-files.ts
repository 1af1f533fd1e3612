/** Media files and pictures by extension and by name. */
import { basename, extname } from 'node:path';
import { FEATURE_NAME } from '../../schemas/modality-names.ts';

const VIDEO_EXTENSIONS = new Set(
  '.mp4 .m4v .mov .avi .mkv .webm .flv .f4v .wmv .asf .mpg .mpeg .mpe .m2v .ts .mts .m2ts .vob .ogv .3gp .3g2 .mxf .gif .y4m'.split(
    ' ',
  ),
);
const AUDIO_EXTENSIONS = new Set(
  '.wav .mp3 .m4a .aac .flac .ogg .oga .opus .wma .aif .aiff .au .amr .ac3 .caf .mka'.split(' '),
);
const PICTURE_EXTENSIONS = new Set('.jpg .jpeg .png .webp .tif .tiff'.split(' '));

export function isPictureFile(path: string): boolean {
  return PICTURE_EXTENSIONS.has(extname(path).toLowerCase());
}

export function isSoundFile(path: string): boolean {
  return AUDIO_EXTENSIONS.has(extname(path).toLowerCase());
}

export function isVideoFile(path: string): boolean {
  return VIDEO_EXTENSIONS.has(extname(path).toLowerCase());
}

export function isMediaFile(path: string): boolean {
  return isVideoFile(path) || isSoundFile(path);
}

export interface FeatureFile {
  /** The path without all that follows the clip's name. */
  readonly stem: string;
  /** Of the set of features: `clip` of `dog.clip.npy`. */
  readonly name: string;
}

/** @returns undefined when the file is not called as a clip's features are: `<clip>.<name>.npy` */
export function featureFile(path: string): FeatureFile | undefined {
  const [, stem, name] = /^(.*[^/])\.([^./]+)\.npy$/u.exec(path) ?? [];
  return stem !== undefined && name !== undefined && FEATURE_NAME.test(name) ? { stem, name } : undefined;
}

export function isFeatureFile(path: string): boolean {
  return path.endsWith('.npy');
}

/** The file's name without folder and extension. */
export function stemOf(path: string): string {
  return basename(path, extname(path));
}

export interface StemIndex {
  readonly byStem: ReadonlyMap<string, string>;
  /** Files hidden behind another of the same name; a video comes before a sound, then the first path. */
  readonly hidden: readonly string[];
}

/** Media files by stem. @param paths sorted */
export function indexByStem(paths: readonly string[]): StemIndex {
  const byStem = new Map<string, string>();
  const hidden: string[] = [];
  for (const path of [...paths.filter(isVideoFile), ...paths.filter((path) => !isVideoFile(path))]) {
    if (!isMediaFile(path)) continue;
    const stem = stemOf(path);
    if (byStem.has(stem)) hidden.push(path);
    else byStem.set(stem, path);
  }
  return { byStem, hidden };
}
