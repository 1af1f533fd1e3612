/** One fold of a dataset: which of its clips test, validate and train. Pure. */
import { createHash } from 'node:crypto';
import type { Clip, Split } from '../../../schemas/clip.ts';
import type { Fold } from '../../../schemas/config/folds.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { FoundDataset, ListedClip } from '../dataset-adapter.ts';
import { compareText } from '../list-files.ts';
import { dealGroups } from './stratified-groups.ts';

/**
 * Deals all clips out anew: the same clips, fold and share give the same splits, whatever their order. No group is in two
 * splits; folds of one `of` and `seed` have each clip in one test split.
 *
 * @throws ModalmixError `config` when there are fewer groups than folds, or not the group that is to test
 */
export function splitByFold(
  clips: readonly ListedClip[],
  { classNames, where }: Pick<FoundDataset, 'classNames' | 'where'>,
  fold: Fold,
  validationShare: number,
): Clip[] {
  const groups = [...groupCounts(clips, classNames.length)].sort(([a], [b]) => compareText(a, b));
  const tests = testGroups(groups, fold, where);
  const rest = groups.filter(([group]) => !tests.has(group));
  const validates = validationGroups(rest, fold, validationShare);
  const splitOf = (clip: ListedClip): Split => {
    const unit = unitOf(clip);
    return tests.has(unit) ? 'test' : validates.has(unit) ? 'validation' : 'train';
  };
  return clips.map((clip) => ({ ...clip, split: splitOf(clip) }));
}

/** In words. */
export function foldRule(fold: Fold, validationShare: number): string {
  const test =
    'of' in fold
      ? `test: fold ${String(fold.index + 1)} of ${String(fold.of)} of all clips, by group and stratified by class (seed ${String(fold.seed)})`
      : `test: the group ${fold.testGroup}`;
  return `${test}; ${validationShare === 0 ? 'no validation split' : `validation: about ${String(validationShare)} of the rest, likewise`}`;
}

/** The names of all groups, sorted. */
export function groupNames(clips: readonly ListedClip[]): string[] {
  return [...new Set(clips.flatMap(({ group }) => group ?? []))].sort(compareText);
}

type Groups = readonly (readonly [unit: string, counts: readonly number[]])[];

function testGroups(groups: Groups, fold: Fold, where: string): ReadonlySet<string> {
  if ('of' in fold) {
    if (fold.index >= fold.of || groups.length < fold.of) {
      const problem =
        fold.index >= fold.of
          ? `fold ${String(fold.index)} is none of ${String(fold.of)}: they count from 0`
          : `${String(groups.length)} groups make no ${String(fold.of)} folds`;
      throw new ModalmixError('config', `dataset.fold: ${problem}`, { where, fix: 'Ask for fewer folds.' });
    }
    return chosen(groups, fold.of, fold.index, `folds\0${String(fold.seed)}`);
  }
  const unit = groupUnit(fold.testGroup);
  if (groups.some(([group]) => group === unit)) return new Set([unit]);
  const named = groups
    .filter(([group]) => group.startsWith(GROUP))
    .map(([group]) => group.slice(GROUP.length));
  throw new ModalmixError('config', `dataset.fold: no clip is of the group "${fold.testGroup}"`, {
    where,
    fix:
      named.length === 0
        ? 'The data name no groups: use kFold.'
        : `There are ${named.slice(0, 20).join(', ')}.`,
  });
}

/** The first of so many folds of the rest that one of them is about the share. */
function validationGroups(rest: Groups, fold: Fold, share: number): ReadonlySet<string> {
  if (share === 0 || rest.length < 2) return new Set();
  const folds = Math.min(rest.length, Math.max(2, Math.round(1 / share)));
  // Other folds of one dataset validate with other groups.
  const name = 'of' in fold ? String(fold.index) : fold.testGroup;
  return chosen(rest, folds, 0, `validation\0${String(fold.seed)}\0${name}`);
}

function chosen(groups: Groups, folds: number, index: number, purpose: string): ReadonlySet<string> {
  const shuffled = groups
    .map((group) => ({ group, place: hashOf(`${purpose}\0${group[0]}`) }))
    .sort((a, b) => compareText(a.place, b.place))
    .map(({ group }) => group);
  const dealt = dealGroups(
    shuffled.map(([, counts]) => counts),
    folds,
  );
  return new Set(shuffled.filter((_, i) => dealt[i] === index).map(([group]) => group));
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function groupCounts(clips: readonly ListedClip[], classes: number): ReadonlyMap<string, number[]> {
  const counts = new Map<string, number[]>();
  for (const clip of clips) {
    const unit = unitOf(clip);
    const row = counts.get(unit) ?? new Array<number>(classes).fill(0);
    row[clip.label]! += 1;
    counts.set(unit, row);
  }
  return counts;
}

const GROUP = 'group\0';
const groupUnit = (group: string): string => `${GROUP}${group}`;

/** What is kept together. */
function unitOf({ group, clipId }: ListedClip): string {
  return group === undefined ? `clip\0${clipId}` : groupUnit(group);
}
