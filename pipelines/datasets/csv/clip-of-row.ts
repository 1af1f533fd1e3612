/** A table's row as the clip that it says. */
import { resolve } from 'node:path';
import { LATEST_TIME_S, mediaTimeSchema, type Split } from '../../../schemas/clip.ts';
import { featureName, type FeatureModality } from '../../../schemas/modality-names.ts';
import { clipIdOf } from '../clip-id.ts';
import type { ListedClip } from '../dataset-adapter.ts';
import { featureFile } from '../media-files.ts';
import { lineError } from '../read-list.ts';
import type { ClassLabels } from './class-labels.ts';
import type { COLUMNS, Row } from './read-table.ts';

const SPLIT_NAMES: ReadonlyMap<string, Split> = new Map([
  ['train', 'train'],
  ['validation', 'validation'],
  ['val', 'validation'],
  ['test', 'test'],
]);

export interface RowContext {
  readonly file: string;
  readonly root: string;
  readonly labels: ClassLabels;
  /** Its columns. */
  readonly features: readonly FeatureModality[];
  readonly hasSplits: boolean;
}

/**
 * Its label is the name's place in `labels`.
 *
 * @throws ModalmixError `config` that names file and line
 */
export function clipOfRow({ line, cells }: Row, context: RowContext): ListedClip {
  const { file, root, labels, hasSplits } = context;
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

  const features = context.features.flatMap((column) => {
    const text = cells[column] ?? '';
    return text === '' ? [] : [[featureName(column), text] as const];
  });
  const path = cell('path') ?? features[0]?.[1];
  if (path === undefined) throw fail('the path is empty', 'Name the media file, or a file of features.');
  const labelName = cell('label');
  if (labelName === undefined) throw fail('the label is empty', 'Name the class.');
  const label = labels.add(labelName);
  if (label === undefined) {
    throw fail(
      `"${labelName}" is no class`,
      `Correct the label, or add it to dataset.classes (now: ${labels.classNames().join(', ')}).`,
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
