/** A table of clips with a header: `path,label[,split][,id][,group][,start][,end][,audio_path][,features:<name>]…`. */
import { stat } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { CsvError, parse, type Info } from 'csv-parse/sync';
import pLimit from 'p-limit';
import { LATEST_TIME_S, mediaTimeSchema, type Split } from '../../../schemas/clip.ts';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import {
  FEATURE_NAME,
  featureName,
  isFeatures,
  type FeatureModality,
} from '../../../schemas/modality-names.ts';
import { countedNames } from '../assemble-index.ts';
import { clipIdOf } from '../clip-id.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { listFiles } from '../list-files.ts';
import { sortedLabels } from '../labels.ts';
import { indexOfName } from '../one-form.ts';
import { featureFile, isMediaFile } from '../media-files.ts';
import { cutsOfOneRecording, cutsWarning } from '../recordings.ts';
import { lineError, readListText } from '../read-list.ts';

type CsvConfig = Extract<DatasetConfig, { format: 'csv' }>;

const COLUMNS = ['path', 'label', 'split', 'id', 'group', 'start', 'end', 'audio_path'] as const;
const SPLIT_NAMES: ReadonlyMap<string, Split> = new Map([
  ['train', 'train'],
  ['validation', 'validation'],
  ['val', 'validation'],
  ['test', 'test'],
]);
const STATS_AT_A_TIME = 32;

interface Row {
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export const csv: DatasetAdapter<CsvConfig> = {
  async findClips(config) {
    const file = resolve(config.file);
    const root = config.root === undefined ? dirname(file) : resolve(config.root);
    const table = parseTable(await readListText(file, 'dataset.file'), file);
    const hasSplits = table.columns.includes('split');
    const classNames = config.classes ?? sortedLabels(table.rows.map(({ cells }) => cells.label ?? ''));
    const hasGroups = table.columns.includes('group');
    const listedClips = table.rows.map((row) => clipOf(row, { file, root, classNames, hasSplits }));
    const clips = hasGroups ? listedClips : groupedByFile(listedClips, root);
    const grouped = clips.some(({ group }) => group !== undefined);
    const present = await presentFiles(clips);
    // The table's own folder may be anybody's; one that was named holds this dataset.
    const listed = new Set(clips.flatMap(({ path, audioPath }) => [path, audioPath]));
    const usable = clips.map((clip) => withWhatIsThere(clip, present));
    const inRoot = config.root === undefined ? [] : await listFiles(root, { where: 'dataset.root' });
    const unused = table.columns.filter(
      (name) => !(COLUMNS as readonly string[]).includes(name) && !isFeatures(name),
    );
    const withoutSound = clips.filter((clip) => clip.audioPath !== undefined && !present.has(clip.audioPath));
    return {
      classNames,
      clips: usable.filter((clip) => clip !== undefined),
      splitRule: hasSplits
        ? "the table's column split"
        : `test: ${String(config.testShare)} by hash of the ${hasGroups ? 'group' : grouped ? 'file' : 'clip'}`,
      ...(hasSplits ? {} : { testShare: config.testShare }),
      listed: clips.length,
      listedMissing: clips.flatMap(({ path }, i) => (usable[i] === undefined ? [path] : [])),
      unlisted: inRoot
        .filter((path) => isMediaFile(path) && !listed.has(path))
        .map((path) => relative(root, path)),
      notes: [
        ...(unused.length === 0 ? [] : [`Columns that are not used: ${countedNames(unused)}.`]),
        ...(withoutSound.length === 0
          ? []
          : [
              `Clips whose audio_path is missing, used with their own sound: ${countedNames(withoutSound.map(({ clipId }) => clipId))}.`,
            ]),
        ...featureNotes(clips, usable, present),
        ...(hasGroups || hasSplits ? [] : cutNotes(clips, root, classNames)),
      ],
      where: file,
    };
  },
};

function parseTable(text: string, file: string): Table {
  let columns: string[] = [];
  const { delimiter, firstLine } = separation(text);
  let records: { record: Record<string, string>; info: Info }[];
  try {
    records = parse(text, {
      columns: (header: string[]) => {
        columns = header.map((name) => name.trim().toLowerCase());
        return columns;
      },
      info: true,
      delimiter,
      from_line: firstLine,
      skip_empty_lines: true,
      // A spreadsheet leaves rows of separators alone behind.
      skip_records_with_empty_values: true,
      trim: true,
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw lineError(
      file,
      typeof error.lines === 'number' ? error.lines : 1,
      error.message,
      'Correct the line: every row has as many cells as the header.',
    );
  }
  const odd = columns.filter((name) => isFeatures(name) && !FEATURE_NAME.test(featureName(name)));
  if (odd.length > 0) {
    throw lineError(
      file,
      1,
      `"${odd[0] ?? ''}" names no features`,
      'Call the column features:clip or the like.',
    );
  }
  // Features stand in for a clip whose media are elsewhere.
  const needed = columns.some(isFeatures) ? ['label'] : ['path', 'label'];
  const missing = needed.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw lineError(
      file,
      1,
      `the header has no column ${missing.join(', ')}`,
      `Begin the table with a line such as: ${COLUMNS.join(',')} (the first two are needed).`,
    );
  }
  if (records.length === 0) {
    throw new ModalmixError('config', 'the table has no row', { where: file, fix: 'List the clips.' });
  }
  return { columns, rows: records.map(({ record, info }) => ({ line: info.lines, cells: record })) };
}

/** What separates the cells: a line `sep=;` says it (spreadsheets write one), else the header shows it. */
function separation(text: string): { delimiter: string; firstLine: number } {
  const [first = ''] = text.split(/\r\n|\n|\r/u, 1);
  const named = /^"?sep=(.)"?$/iu.exec(first)?.[1];
  if (named !== undefined) return { delimiter: named, firstLine: 2 };
  const isHeader = (delimiter: string) =>
    first
      .toLowerCase()
      .split(delimiter)
      .some((name) => name.replaceAll('"', '').trim() === 'label');
  return { delimiter: [',', ';', '\t', '|'].find(isHeader) ?? ',', firstLine: 1 };
}

interface RowContext {
  readonly file: string;
  readonly root: string;
  readonly classNames: readonly string[];
  readonly hasSplits: boolean;
}

function clipOf({ line, cells }: Row, { file, root, classNames, hasSplits }: RowContext): ListedClip {
  const fail = (message: string, fix: string) => lineError(file, line, message, fix);
  const cell = (name: (typeof COLUMNS)[number]) => (cells[name] === '' ? undefined : cells[name]);
  const seconds = (name: 'start' | 'end') => {
    const text = cell(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (mediaTimeSchema.safeParse(value).success) return value;
    throw fail(
      `"${text}" is no time`,
      `Write ${name} in seconds from the start of the file, at most ${String(LATEST_TIME_S)}.`,
    );
  };

  const features = Object.entries(cells)
    .filter((entry): entry is [FeatureModality, string] => isFeatures(entry[0]) && entry[1] !== '')
    .map(([column, text]) => [featureName(column), text] as const);
  const path = cell('path') ?? features[0]?.[1];
  if (path === undefined) throw fail('the path is empty', 'Name the media file, or a file of features.');
  const labelName = cell('label');
  if (labelName === undefined) throw fail('the label is empty', 'Name the class.');
  const label = indexOfName(classNames, labelName);
  if (label === -1) {
    throw fail(
      `"${labelName}" is no class`,
      `Correct the label, or add it to dataset.classes (now: ${classNames.join(', ')}).`,
    );
  }
  const split = SPLIT_NAMES.get((cell('split') ?? '').toLowerCase());
  if (hasSplits && split === undefined) {
    throw fail(`"${cells.split ?? ''}" is no split`, 'Write train, validation or test.');
  }
  const startS = seconds('start');
  const endS = seconds('end');
  if (endS !== undefined && endS <= (startS ?? 0)) {
    throw fail(`the clip ends (${String(endS)} s) before it starts`, 'Correct start and end.');
  }
  const segment =
    startS === undefined && endS === undefined ? '' : `-${String(startS ?? 0)}-${String(endS ?? 'end')}`;
  const group = cell('group');
  const audioPath = cell('audio_path');
  return {
    clipId: clipIdOf(cell('id') ?? (featureFile(path)?.stem ?? path) + segment),
    path: resolve(root, path),
    label,
    ...(audioPath === undefined ? {} : { audioPath: resolve(root, audioPath) }),
    ...(features.length === 0
      ? {}
      : { features: Object.fromEntries(features.map(([name, text]) => [name, resolve(root, text)])) }),
    ...(split === undefined ? {} : { split }),
    ...(group === undefined ? {} : { group }),
    ...(startS === undefined ? {} : { startS }),
    ...(endS === undefined ? {} : { endS }),
  };
}

/** Without a column that says so, the pieces of one file belong together. */
function groupedByFile(clips: readonly ListedClip[], root: string): ListedClip[] {
  const pieces = new Map<string, Set<string>>();
  for (const { path, clipId } of clips) pieces.set(path, (pieces.get(path) ?? new Set()).add(clipId));
  return clips.map((clip) =>
    (pieces.get(clip.path)?.size ?? 0) > 1 ? { ...clip, group: clipIdOf(relative(root, clip.path)) } : clip,
  );
}

function cutNotes(clips: readonly ListedClip[], root: string, classNames: readonly string[]): string[] {
  const recordings = cutsOfOneRecording(
    clips
      .filter(({ group }) => group === undefined)
      .map(({ path, label }) => ({
        name: relative(root, path).replace(/\.[^./]*$/u, ''),
        className: classNames[label] ?? '',
      })),
  );
  return recordings.length === 0
    ? []
    : [`${cutsWarning(recordings)}: give the table a column group that names each clip's recording.`];
}

/** The clip with those of its files that are there; undefined when there is nothing to see, hear or read. */
function withWhatIsThere(
  { path, audioPath, features = {}, ...clip }: ListedClip,
  present: ReadonlySet<string>,
): ListedClip | undefined {
  const there = Object.entries(features).filter(([, file]) => present.has(file));
  const [, first] = there[0] ?? [];
  const used = present.has(path) ? path : first;
  if (used === undefined) return undefined;
  return {
    ...{ ...clip, path: used },
    ...(audioPath !== undefined && present.has(audioPath) ? { audioPath } : {}),
    ...(there.length === 0 ? {} : { features: Object.fromEntries(there) }),
  };
}

function featureNotes(
  clips: readonly ListedClip[],
  usable: readonly (ListedClip | undefined)[],
  present: ReadonlySet<string>,
): string[] {
  const lacking = clips.filter(({ features = {} }) =>
    Object.values(features).some((file) => !present.has(file)),
  );
  const alone = clips.filter(({ path }, i) => usable[i] !== undefined && !present.has(path));
  const named = (some: readonly ListedClip[]) => countedNames(some.map(({ clipId }) => clipId));
  return [
    ...(lacking.length === 0 ? [] : [`Clips with a file of features that is missing: ${named(lacking)}.`]),
    ...(alone.length === 0
      ? []
      : [`Clips whose media are missing, used with their features: ${named(alone)}.`]),
  ];
}

async function presentFiles(clips: readonly ListedClip[]): Promise<ReadonlySet<string>> {
  const paths = new Set(
    clips.flatMap(({ path, audioPath, features = {} }) => [
      path,
      ...(audioPath === undefined ? [] : [audioPath]),
      ...Object.values(features),
    ]),
  );
  const limit = pLimit(STATS_AT_A_TIME);
  const checked = await Promise.all(
    [...paths].map((path) =>
      limit(async () => {
        const facts = await stat(path).catch(() => undefined);
        // A folder of pictures is a clip too.
        return facts?.isFile() === true || facts?.isDirectory() === true ? path : undefined;
      }),
    ),
  );
  return new Set(checked.filter((path) => path !== undefined));
}
