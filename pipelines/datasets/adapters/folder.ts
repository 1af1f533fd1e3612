/** A folder a class: `root/<class>/**`, or `root/{train,test[,validation]}/<class>/**`. */
import { extname, relative, resolve, sep } from 'node:path';
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { countedNames } from '../assemble-index.ts';
import { clipIdOf } from '../clip-id.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { compareText, listFiles } from '../list-files.ts';
import { isMediaFile } from '../media-files.ts';
import { cutsOfOneRecording, cutsWarning } from '../recordings.ts';

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
  /** Below the class folder, without the extension. */
  readonly inClass: readonly string[];
}

type ClassFile = PlacedFile & { readonly className: string };

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
    const inClasses = files.filter((file): file is ClassFile => file.className !== undefined);
    const groupOf = grouping(config, inClasses);
    const clips = inClasses.flatMap((file): ListedClip[] => {
      const { path, name, split } = file;
      const label = labels.get(file.className);
      if (label === undefined) return [];
      const group = groupOf(file);
      return [
        {
          ...{ clipId: clipIdOf(name), path, label },
          ...(split === undefined ? {} : { split }),
          ...(group === undefined ? {} : { group }),
        },
      ];
    });
    const grouped = new Set(clips.flatMap(({ group }) => group ?? [])).size;
    const others = all.filter((path) => !isMediaFile(path)).map((path) => relative(root, path));
    return {
      classNames,
      clips,
      splitRule: withSplits
        ? 'the folders train and test'
        : `test: ${String(config.testShare)} by hash of the ${grouped > 0 ? `recording (${String(grouped)} of them)` : "clip's path"}`,
      ...(withSplits ? {} : { testShare: config.testShare }),
      listed: clips.length,
      listedMissing: [],
      unlisted: files.filter(({ className }) => className === undefined).map(({ name }) => name),
      notes: [
        ...(others.length === 0 ? [] : [`Files that are no media, left out: ${countedNames(others)}.`]),
        ...patternNotes(config, inClasses, groupOf),
        ...(config.groupPattern === undefined
          ? cutNotes(
              inClasses.filter((file) => groupOf(file) === undefined),
              withSplits,
            )
          : []),
      ],
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
  const name = parts.join('/');
  const below = name.slice(0, name.length - extname(name).length).split('/');
  return {
    ...{ path, name, split },
    className: inClass ? parts[depth] : undefined,
    inClass: below.slice(depth + 1),
  };
}

/** The recording that a file is of, by the pattern, else by its folder below the class's. */
function grouping(
  config: FolderConfig,
  files: readonly ClassFile[],
): (file: ClassFile) => string | undefined {
  const pattern = config.groupPattern === undefined ? undefined : new RegExp(config.groupPattern, 'u');
  const depths = config.subfolders === 'ignored' ? undefined : recordingDepths(files);
  return ({ className, inClass }) => {
    const match = pattern?.exec([className, ...inClass].join('/'));
    if (match !== null && match !== undefined) return match[1] ?? match[0];
    const depth = depths?.get(className) ?? Infinity;
    return inClass.length - 1 < depth ? undefined : [className, ...inClass.slice(0, depth)].join('/');
  };
}

/**
 * How many folders below its own name a class's recordings: one, or more where a single folder holds the whole class.
 */
function recordingDepths(files: readonly ClassFile[]): ReadonlyMap<string, number> {
  return new Map(
    classesOf(files).map((className) => {
      const members = files.filter((file) => file.className === className);
      let depth = 1;
      const single = () =>
        members.every(({ inClass }) => inClass.length > depth) &&
        new Set(members.map(({ inClass }) => inClass[depth - 1])).size === 1;
      while (single()) depth += 1;
      return [className, depth];
    }),
  );
}

function patternNotes(
  { groupPattern }: FolderConfig,
  files: readonly ClassFile[],
  groupOf: (file: ClassFile) => string | undefined,
): string[] {
  if (groupPattern === undefined) return [];
  const alone = files.filter((file) => groupOf(file) === undefined).map(({ name }) => name);
  return alone.length === 0
    ? []
    : [`Clips that dataset.groupPattern does not match, each a group of its own: ${countedNames(alone)}.`];
}

/** A warning when names look like cuts of one recording, of which some may be trained on and some tested with. */
function cutNotes(files: readonly ClassFile[], withSplits: boolean): string[] {
  const recordings = cutsOfOneRecording(
    files.map(({ className, inClass, split }) => ({ name: inClass.join('/'), className, split })),
  ).filter((cuts) => !withSplits || new Set(cuts.map(({ split }) => split)).size > 1);
  return recordings.length === 0
    ? []
    : [
        `${cutsWarning(recordings)}: put a recording's clips into a folder of its own below the class, or name it by dataset.groupPattern ('^(.+)_\\d+$').`,
      ];
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
