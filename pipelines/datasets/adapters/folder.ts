/** A folder a class: `root/<class>/**`, or `root/{train,test[,validation]}/<class>/**`. */
import { relative, resolve, sep } from 'node:path';
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { countedNames } from '../assemble-index.ts';
import { clipIdOf } from '../clip-id.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { compareText, listFiles } from '../list-files.ts';
import { isMediaFile } from '../media-files.ts';

type FolderConfig = Extract<DatasetConfig, { format: 'folder' }>;

const SPLIT_FOLDERS: ReadonlyMap<string, Split> = new Map([
  ['train', 'train'],
  ['test', 'test'],
  ['validation', 'validation'],
  ['val', 'validation'],
]);

interface PlacedFile {
  readonly path: string;
  /** Below the root, with `/`. */
  readonly name: string;
  readonly split: Split | undefined;
  readonly className: string | undefined;
}

export const folder: DatasetAdapter<FolderConfig> = {
  async findClips(config) {
    const root = resolve(config.root);
    const all = await listFiles(root, { where: 'dataset.root' });
    const media = all.filter(isMediaFile);
    const names = media.map((path) => relative(root, path).split(sep));
    const withSplits = hasSplitFolders(names);
    const files = media.map((path, index) => place(path, names[index] ?? [], withSplits));
    const classNames = config.classes ?? classesOf(files);
    checkClasses(root, files, classNames);
    const labels = new Map(classNames.map((name, label) => [name, label]));
    const clips = files.flatMap(({ path, name, split, className }): ListedClip[] => {
      const label = className === undefined ? undefined : labels.get(className);
      if (label === undefined) return [];
      return [{ clipId: clipIdOf(name), path, label, ...(split === undefined ? {} : { split }) }];
    });
    const others = all.filter((path) => !isMediaFile(path)).map((path) => relative(root, path));
    return {
      classNames,
      clips,
      splitRule: withSplits
        ? 'the folders train and test'
        : `test: ${String(config.testShare)} by hash of the clip's path`,
      ...(withSplits ? {} : { testShare: config.testShare }),
      listed: clips.length,
      listedMissing: [],
      unlisted: files.filter(({ className }) => className === undefined).map(({ name }) => name),
      notes: others.length === 0 ? [] : [`Files that are no media, left out: ${countedNames(others)}.`],
      where: root,
    };
  },
};

/** Both `train` and `test` at the top, or nothing but split folders: else these are names of classes. */
function hasSplitFolders(names: readonly (readonly string[])[]): boolean {
  const top = new Set(names.filter((parts) => parts.length > 1).map((parts) => parts[0] ?? ''));
  if (top.has('train') && top.has('test')) return true;
  return top.has('train') && [...top].every((name) => SPLIT_FOLDERS.has(name));
}

function place(path: string, parts: readonly string[], withSplits: boolean): PlacedFile {
  const split = withSplits ? SPLIT_FOLDERS.get(parts[0] ?? '') : undefined;
  const depth = withSplits ? 1 : 0;
  const inClass = parts.length > depth + 1 && (!withSplits || split !== undefined);
  return { path, name: parts.join('/'), split, className: inClass ? parts[depth] : undefined };
}

function classesOf(files: readonly PlacedFile[]): string[] {
  const names = new Set(files.flatMap(({ className }) => (className === undefined ? [] : [className])));
  return [...names].sort(compareText);
}

function checkClasses(root: string, files: readonly PlacedFile[], classNames: readonly string[]): void {
  const folders = classesOf(files);
  if (folders.length === 0) {
    throw new ModalmixError('config', 'there is no clip in a class folder', {
      where: root,
      fix: 'Put the clips into one folder a class: <root>/<class>/…, or <root>/train/<class>/… and <root>/test/<class>/….',
    });
  }
  const unknown = folders.filter((name) => !classNames.includes(name));
  if (unknown.length > 0) {
    throw new ModalmixError('config', `folders that are no class: ${countedNames(unknown)}`, {
      where: root,
      fix: `Add them to dataset.classes (now: ${classNames.join(', ')}), or move them away.`,
    });
  }
}
