/** From what an adapter found to the index: unique, split, checked, and everything odd counted by name. */
import type { Clip, DatasetIndex, Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { FoundDataset, ListedClip } from './dataset-adapter.ts';
import { compareText } from './list-files.ts';
import { foldRule, splitByFold } from './folds/split-by-fold.ts';
import { splitClips, validationUnit } from './split-clips.ts';
import type { Fold } from '../../schemas/config/folds.ts';

const EXAMPLES_KEPT = 5;

/**
 * @param format the dataset's, for the report
 * @throws ModalmixError `config` when there are fewer than two classes, or no clip to train on or to test with
 */
export function assembleIndex(
  format: string,
  found: FoundDataset,
  validationShare: number,
  fold?: Fold,
): DatasetIndex {
  const notes = [...found.notes];
  const unique = uniqueClips(found.clips, found.classNames, notes);
  const split =
    fold === undefined
      ? splitClips(unique, { test: found.testShare ?? 0, validation: validationShare })
      : splitByFold(unique, found, fold, validationShare);
  const clips = split.sort((a, b) => compareText(a.clipId, b.clipId));
  checkEnough(found, clips);
  notes.push(...sharedGroups(clips), ...absentClasses(clips, found.classNames));
  if (validationShare > 0 && !clips.some((clip) => clip.split === 'validation')) {
    notes.push(
      'No clip was set aside for validation: the training list is one group, or has no group of its own.',
    );
  }
  return {
    classNames: found.classNames,
    clips,
    report: {
      format,
      splitRule:
        fold === undefined
          ? `${found.splitRule}; ${validationRule(found.clips, validationShare)}`
          : foldRule(fold, validationShare),
      listed: found.listed,
      found: clips.length,
      listedMissing: countNames(found.listedMissing),
      unlisted: countNames(found.unlisted),
      notes,
    },
  };
}

/**
 * `3 (a, b, c)`: the count and the first names.
 * @param count of all, where `names` are only some
 */
export function countedNames(names: readonly string[], count = names.length): string {
  const { examples } = countNames(names);
  return `${String(count)} (${examples.join(', ')}${count > examples.length ? ', …' : ''})`;
}

function countNames(names: readonly string[]): { count: number; examples: string[] } {
  return { count: names.length, examples: [...names].sort(compareText).slice(0, EXAMPLES_KEPT) };
}

/** One entry an id: a repetition is dropped, a clip listed for test is no training clip, two labels are none. */
function uniqueClips(
  clips: readonly ListedClip[],
  classNames: readonly string[],
  notes: string[],
): ListedClip[] {
  const byId = new Map<string, ListedClip>();
  const repeated = new Set<string>();
  const inTwoSplits = new Set<string>();
  const conflicting = new Map<string, string>();
  for (const clip of clips) {
    const first = byId.get(clip.clipId);
    if (first === undefined) {
      byId.set(clip.clipId, clip);
    } else if (first.label !== clip.label) {
      const labels = [first, clip].map(({ label }) => classNames[label] ?? String(label));
      conflicting.set(clip.clipId, `${clip.clipId}: ${labels.join(' or ')}`);
    } else if (first.split !== clip.split) {
      inTwoSplits.add(clip.clipId);
      if (clip.split === 'test') byId.set(clip.clipId, clip);
    } else {
      repeated.add(clip.clipId);
    }
  }
  for (const id of conflicting.keys()) byId.delete(id);
  if (repeated.size > 0) notes.push(`Listed more than once, used once: ${countedNames([...repeated])}.`);
  if (inTwoSplits.size > 0) {
    notes.push(`Listed for two splits, used for the test if that is one: ${countedNames([...inTwoSplits])}.`);
  }
  if (conflicting.size > 0) {
    notes.push(`Listed with two labels, left out: ${countedNames([...conflicting.values()])}.`);
  }
  return [...byId.values()];
}

function checkEnough(found: FoundDataset, clips: readonly Clip[]): void {
  if (found.classNames.length < 2) {
    throw new ModalmixError('config', `there is only one class: ${found.classNames.join()}`, {
      where: found.where,
      fix: 'A classifier needs two classes or more: one folder or label each.',
    });
  }
  for (const split of ['train', 'test'] as const) {
    if (clips.some((clip) => clip.split === split)) continue;
    const missing = found.listedMissing.length;
    throw new ModalmixError(
      'config',
      `the ${split} split is empty: of ${String(found.listed)} clips listed, ${String(clips.length)} can be used and ${String(missing)} have no file (${found.splitRule})`,
      {
        where: found.where,
        fix:
          missing > 0
            ? `Put the files there; the first missing is ${countNames(found.listedMissing).examples[0] ?? ''}.`
            : found.testShare === undefined
              ? `Add clips to the ${split} list, or lower dataset.validationShare.`
              : 'Add clips, or change dataset.testShare and dataset.validationShare.',
      },
    );
  }
}

function validationRule(clips: readonly ListedClip[], share: number): string {
  const unit = validationUnit(clips);
  if (unit === 'own') return "validation: the dataset's own";
  if (share === 0) return 'no validation split';
  const strata = unit === 'clip' && clips.some((clip) => clip.split === 'test') ? ', class by class' : '';
  return `validation: ${String(share)} of train by hash of the ${unit}${strata}`;
}

function sharedGroups(clips: readonly Clip[]): string[] {
  const splits = new Map<string, Set<Split>>();
  for (const { group, split } of clips) {
    if (group === undefined) continue;
    const seen = splits.get(group) ?? new Set();
    splits.set(group, seen.add(split));
  }
  const pairs = [
    ['train', 'test'],
    ['validation', 'test'],
    ['train', 'validation'],
  ] as const;
  return pairs.flatMap(([a, b]) => {
    const shared = [...splits].filter(([, seen]) => seen.has(a) && seen.has(b)).map(([group]) => group);
    return shared.length === 0
      ? []
      : [`Groups in both ${a} and ${b}: ${countedNames(shared)}, of ${String(splits.size)}.`];
  });
}

function absentClasses(clips: readonly Clip[], classNames: readonly string[]): string[] {
  return (['train', 'test'] as const).flatMap((split) => {
    const present = new Set(clips.filter((clip) => clip.split === split).map((clip) => clip.label));
    const absent = classNames.filter((_, label) => !present.has(label));
    return absent.length === 0 ? [] : [`Classes without a ${split} clip: ${countedNames(absent)}.`];
  });
}
