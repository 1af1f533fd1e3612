/** A folder a class: `root/<class>/**`, or `root/{train,test[,validation]}/<class>/**`, split folders by any usual name. */
import { join, relative, resolve, sep } from 'node:path';
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { countedNames } from '../names-tally.ts';
import { clipIdOf } from '../clip-id.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { compareText, listFiles } from '../list-files.ts';
import { refuseApart } from '../folders/apart.ts';
import { clipFiles, type ClipFiles } from '../folders/clip-files.ts';
import { splitFolders } from '../folders/split-folders.ts';
import { oneForm } from '../one-form.ts';
import { featureFile, isMediaFile, isPictureFile } from '../media-files.ts';
import { cutsOfOneRecording, cutsWarning } from '../recordings.ts';

type FolderConfig = Extract<DatasetConfig, { format: 'folder' }>;

interface PlacedFile {
  /** Below the root, with `/`: a file, or a folder of frames. */
  readonly name: string;
  readonly audio: string | undefined;
  /** By their name; below the root as well. */
  readonly features: Readonly<Record<string, string>> | undefined;
  /** What the clip's id is made of. */
  readonly idName: string;
  readonly split: Split | undefined;
  readonly className: string | undefined;
  /** Below the class folder, without the extension. */
  readonly inClass: readonly string[];
}

type ClassFile = PlacedFile & { readonly className: string };

export const folder: DatasetAdapter<FolderConfig> = {
  async findClips(config) {
    const root = resolve(config.root);
    const all = (await listFiles(root, { where: 'dataset.root' })).map((path) =>
      relative(root, path).split(sep).join('/'),
    );
    const { splits, doubtful } = splitFolders(topFolders(all), root);
    const withSplits = splits.size > 0;
    const found = clipFiles(all, withSplits ? 1 : 0);
    const placed = found.clips.map((clip) => place(clip, splits));
    const form = oneForm([...placed.flatMap(({ className }) => className ?? []), ...(config.classes ?? [])]);
    const files = placed.map((file) =>
      file.className === undefined ? file : { ...file, className: form(file.className) },
    );
    const classNames = config.classes?.map(form) ?? classesOf(files);
    checkClasses(root, files, classNames);
    refuseApart(
      found.clips.filter((_, i) => files[i]?.className !== undefined),
      classNames,
      root,
    );
    const inRoot = (names: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(names).map(([name, file]) => [name, join(root, file)]));
    const labels = new Map(classNames.map((name, label) => [name, label]));
    const inClasses = files.filter((file): file is ClassFile => file.className !== undefined);
    const groupOf = grouping(config, inClasses);
    const clips = inClasses.flatMap((file): ListedClip[] => {
      const { name, idName, audio, features, split } = file;
      const label = labels.get(file.className);
      if (label === undefined) return [];
      const group = groupOf(file);
      return [
        {
          ...{ clipId: clipIdOf(idName), path: join(root, name), label },
          ...(audio === undefined ? {} : { audioPath: join(root, audio) }),
          ...(features === undefined ? {} : { features: inRoot(features) }),
          ...(split === undefined ? {} : { split }),
          ...(group === undefined ? {} : { group }),
        },
      ];
    });
    const grouped = new Set(clips.flatMap(({ group }) => group ?? [])).size;
    const [media, others] = [true, false].map((is) =>
      found.leftOut.filter((path) => (isMediaFile(path) || isPictureFile(path)) === is),
    ) as [string[], string[]];
    const folders = found.clips.filter(({ kind }) => kind === 'frames').map(({ path }) => path);
    const paired = found.clips.filter(({ audio }) => audio !== undefined).length;
    return {
      classNames,
      clips,
      splitRule: withSplits
        ? `the folders ${[...splits.keys()].join(', ')}`
        : `test: ${String(config.testShare)} by hash of the ${grouped > 0 ? `recording (${String(grouped)} of them)` : "clip's path"}`,
      ...(withSplits ? {} : { testShare: config.testShare }),
      listed: clips.length,
      listedMissing: [],
      unlisted: files.filter(({ className }) => className === undefined).map(({ name }) => name),
      notes: [
        ...featureNotes(found.clips),
        ...(paired === 0 ? [] : [`Clips with a sound file of their own: ${String(paired)}.`]),
        ...(folders.length === 0 ? [] : [`Folders of pictures, each one clip: ${countedNames(folders)}.`]),
        ...(media.length === 0
          ? []
          : [`Pictures and sounds that are in no clip, left out: ${countedNames(media)}.`]),
        ...(doubtful.length === 0
          ? []
          : [
              `Folders called as splits are, taken for classes: ${countedNames(doubtful)}. With folders train and test beside each other they would be splits.`,
            ]),
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

/** How many clips have which features, when any has. */
function featureNotes(clips: readonly ClipFiles[]): string[] {
  const counts = new Map<string, number>();
  for (const { features = {} } of clips) {
    for (const name of Object.keys(features)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const told = [...counts].sort().map(([name, count]) => `${name} ${String(count)}`);
  return [`Clips with features (of ${String(clips.length)}): ${told.join(', ')}.`];
}

/** Names of the folders at the top that hold something of clips. */
function topFolders(paths: readonly string[]): string[] {
  const inFolders = paths.filter(
    (path) =>
      path.includes('/') && (isMediaFile(path) || isPictureFile(path) || featureFile(path) !== undefined),
  );
  return [...new Set(inFolders.map((path) => path.split('/')[0] ?? ''))];
}

function place(
  { path, stem, kind, audio, features }: ClipFiles,
  splits: ReadonlyMap<string, Split>,
): PlacedFile {
  const parts = path.split('/');
  const split = splits.get(parts[0] ?? '');
  const depth = splits.size > 0 ? 1 : 0;
  const inClass = parts.length > depth + 1 && (depth === 0 || split !== undefined);
  return {
    ...{ name: path, idName: kind === 'features' ? stem : path, audio, features, split },
    className: inClass ? parts[depth] : undefined,
    inClass: stem.split('/').slice(depth + 1),
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
