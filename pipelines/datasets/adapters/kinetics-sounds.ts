/**
 * Kinetics-Sounds. Lists: `id,10,label` (OGM-GE's `data/KineticSound`) or fields by spaces or tabs, the first the
 * id, then times, then the label (BalanceBenchmark's `KS_dataset.py`), which may have several words. An id is a YouTube id of 11 characters with
 * `_<start>` or `_<start>_<end>` in seconds; files are named by it in one of several ways, flat or in
 * folders.
 */
import { relative, resolve } from 'node:path';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { countedNames } from '../names-tally.ts';
import { clipIdOf } from '../clip-id.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { sortedLabels } from '../labels.ts';
import { listFiles } from '../list-files.ts';
import { indexByStem, isMediaFile, stemOf } from '../media-files.ts';
import { lineError, readList } from '../read-list.ts';

type KineticsSoundsConfig = Extract<DatasetConfig, { format: 'kinetics-sounds' }>;

interface Entry {
  readonly id: string;
  readonly labelText: string;
  readonly split: 'train' | 'test';
  readonly file: string;
  readonly line: number;
}

const SEGMENT = /^(?<video>[\w-]{11})_(?<start>\d+)(?:_\d+)?$/u;

export const kineticsSounds: DatasetAdapter<KineticsSoundsConfig> = {
  async findClips(config) {
    const root = resolve(config.root);
    const entries = [
      ...(await readEntries(resolve(config.trainList), 'train')),
      ...(await readEntries(resolve(config.testList), 'test')),
    ];
    const classNames = await classNamesOf(config, entries);
    const labels = new Map(classNames.map((name, label) => [name, label]));
    const files = (await listFiles(root, { where: 'dataset.root' })).filter(isMediaFile);
    const match = fileMatcher(files, entries);
    const used = new Set<string>();
    const missing: string[] = [];
    const whole: string[] = [];
    const clips = entries.flatMap((entry): ListedClip[] => {
      const label = labelOf(entry, labels, classNames, config.classList !== undefined);
      const found = match(entry.id);
      if (found === undefined) {
        missing.push(entry.id);
        return [];
      }
      used.add(stemOf(found.path));
      if (found.byVideo) whole.push(entry.id);
      const clipId = clipIdOf(entry.id);
      return [{ clipId, path: found.path, label, split: entry.split, group: videoOf(entry.id) }];
    });
    return {
      classNames,
      clips,
      splitRule: 'the lists',
      listed: entries.length,
      listedMissing: missing,
      // A sound beside its video, or a second copy, has the name of a file that is used.
      unlisted: files.filter((path) => !used.has(stemOf(path))).map((path) => relative(root, path)),
      notes: [
        ...(whole.length === 0
          ? []
          : [`Found under the YouTube id alone and taken as cut already: ${countedNames(whole)}.`]),
        ...(config.classList === undefined && classNames.every((name) => /^\d+$/u.test(name))
          ? ['The classes have numbers for names: dataset.classList gives them names.']
          : []),
      ],
      where: root,
    };
  },
};

async function readEntries(file: string, split: 'train' | 'test'): Promise<Entry[]> {
  return (await readList(file, `dataset.${split}List`)).map(({ number, text }) => {
    const { name, labelText } = fieldsOf(text);
    if (name === '' || labelText === '') {
      throw lineError(file, number, `"${text}" is no id and label`, 'Write id,10,label or id label.');
    }
    const id = isMediaFile(name) ? stemOf(name) : name;
    return { id, labelText, split, file, line: number };
  });
}

/**
 * The id, and what stands behind it and the times: `id,10,label`, `id 10 playing bass guitar`. A label of digits is the last
 * field, whatever stands between.
 */
function fieldsOf(text: string): { name: string; labelText: string } {
  const separator = /[,;]/u.exec(text)?.[0] ?? (text.includes('\t') ? '\t' : /\s+/u);
  const [name = '', ...others] = text.split(separator).map((field) => field.trim());
  const last = others.at(-1) ?? '';
  if (/^\d+$/u.test(last)) return { name, labelText: last };
  const from = others.findIndex((field) => !/^[\d.]*$/u.test(field));
  return {
    name,
    labelText: from === -1 ? last : others.slice(from).join(typeof separator === 'string' ? separator : ' '),
  };
}

/** The class list's names; without one the labels themselves, whole numbers up to the largest. */
async function classNamesOf(config: KineticsSoundsConfig, entries: readonly Entry[]): Promise<string[]> {
  if (config.classList !== undefined) {
    return (await readList(resolve(config.classList), 'dataset.classList')).map(({ text }) => text);
  }
  const names = sortedLabels(entries.map(({ labelText }) => labelText));
  const largest = Number(names.at(-1));
  // A number far above the count of labels is a slip, not thousands of empty classes.
  if (!Number.isInteger(largest) || largest >= 2 * names.length + 2) return names;
  return Array.from({ length: largest + 1 }, (_, label) => String(label));
}

function labelOf(
  { labelText, file, line }: Entry,
  labels: ReadonlyMap<string, number>,
  classNames: readonly string[],
  byIndex: boolean,
): number {
  const named = labels.get(labelText) ?? labels.get(labelText.normalize('NFC'));
  if (named !== undefined) return named;
  const index = /^\d+$/u.test(labelText) ? Number(labelText) : NaN;
  if (byIndex && index < classNames.length) return index;
  throw lineError(
    file,
    line,
    `"${labelText}" is no class`,
    `The labels are 0 to ${String(classNames.length - 1)}, or a name of dataset.classList.`,
  );
}

interface FileMatch {
  readonly path: string;
  /** Found by the YouTube id, without the times. */
  readonly byVideo: boolean;
}

/** Finds an id's file: its own name, else the same video and start, else the video, if one clip only is of it. */
function fileMatcher(
  files: readonly string[],
  entries: readonly Entry[],
): (id: string) => FileMatch | undefined {
  const { byStem } = indexByStem(files);
  const byStart = new Map<string, string>();
  for (const [stem, path] of byStem) {
    const key = startKey(stem);
    if (key !== undefined && !byStart.has(key)) byStart.set(key, path);
  }
  const idsOfVideo = new Map<string, Set<string>>();
  for (const { id } of entries) {
    idsOfVideo.set(videoOf(id), (idsOfVideo.get(videoOf(id)) ?? new Set()).add(id));
  }
  return (id) => {
    const path = byStem.get(id) ?? byStart.get(startKey(id) ?? '');
    if (path !== undefined) return { path, byVideo: false };
    const whole = idsOfVideo.get(videoOf(id))?.size === 1 ? byStem.get(videoOf(id)) : undefined;
    return whole === undefined ? undefined : { path: whole, byVideo: true };
  };
}

/** `<video>@<start>` of `<video>_000058_000068`, `<video>_58_68` or `<video>_58`. */
function startKey(stem: string): string | undefined {
  const groups = SEGMENT.exec(stem)?.groups;
  return groups === undefined ? undefined : `${groups.video ?? ''}@${String(Number(groups.start))}`;
}

function videoOf(id: string): string {
  return SEGMENT.exec(id)?.groups?.video ?? id;
}
