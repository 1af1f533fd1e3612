/** From what an adapter found to the index: unique, split, checked, and everything odd counted by name. */
import type { Clip, Split } from '../../schemas/clip.ts';
import type { Fold } from '../../schemas/config/folds.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { streamOf, type ClipStream, type StreamedIndex } from './clip-stream.ts';
import type { FoundClips, IndexScratch } from './dataset-adapter.ts';
import { foldRule, splitByFold } from './folds/split-by-fold.ts';
import { countedNames, NamesTally } from './names-tally.ts';
import { SplitRule } from './split-clips.ts';
import { UniqueClips } from './unique-clips.ts';
import { gathered } from '../store/streams.ts';

export interface AssembleOptions {
  /** The dataset's, for the report. */
  readonly format: string;
  readonly validationShare: number;
  /** All clips are then in memory. */
  readonly fold?: Fold | undefined;
  readonly scratch: IndexScratch;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Clips are parted by their ids' hash, of which a part is in memory at a time, and looked at as often as their splits need.
 *
 * @returns its `clips` are read from the scratch folder
 * @throws ModalmixError `config` when there are fewer than two classes, or no clip to train on or to test with; `cancelled` on
 *   the signal
 */
export async function assembleIndex(
  found: FoundClips,
  { format, validationShare, fold, scratch, signal }: AssembleOptions,
): Promise<StreamedIndex> {
  const rule = new SplitRule({ test: found.testShare ?? 0, validation: validationShare });
  const unique = await UniqueClips.of(found, scratch, signal, (clip) => {
    if (fold === undefined) rule.look(clip);
  });
  const { clips, splitRule } =
    fold === undefined
      ? await splitByRule(unique, found, rule, validationShare)
      : {
          clips: streamOf(splitByFold(await gathered(unique.blocks()), found, fold, validationShare)),
          splitRule: foldRule(fold, validationShare),
        };
  const tally = new SplitTally();
  for await (const block of clips.blocks()) for (const clip of block) tally.add(clip);
  checkEnough(found, clips.count, tally);
  const notes = [
    ...found.notes,
    ...unique.notes(),
    ...tally.sharedGroups(),
    ...tally.absentClasses(found.classNames),
  ];
  if (validationShare > 0 && !tally.has('validation')) {
    notes.push(
      'No clip was set aside for validation: the training list is one group, or has no group of its own.',
    );
  }
  const { classNames, listed, listedMissing, unlisted } = found;
  return {
    classNames,
    clips,
    report: { format, splitRule, listed, found: clips.count, listedMissing, unlisted, notes },
  };
}

/** @param rule has looked at all clips once */
async function splitByRule(
  unique: UniqueClips,
  found: FoundClips,
  rule: SplitRule,
  validationShare: number,
): Promise<{ readonly clips: ClipStream; readonly splitRule: string }> {
  if (rule.looksAgain()) {
    for await (const block of unique.blocks()) for (const clip of block) rule.lookAgain(clip);
  }
  rule.end();
  return {
    clips: {
      count: unique.count,
      blocks: async function* () {
        for await (const block of unique.blocks()) {
          if (block.length > 0) yield block.map((clip): Clip => ({ ...clip, split: rule.splitOf(clip) }));
        }
      },
    },
    splitRule: `${found.splitRule}; ${validationRule(rule, validationShare)}`,
  };
}

/** What the clips of each split are. */
class SplitTally {
  /** Clips by split and class. */
  readonly #labels = new Map<Split, Map<number, number>>();
  /** Splits of each group, a bit for each. */
  readonly #groups = new Map<string, number>();

  add({ split, label, group }: Clip): void {
    const labels = this.#labels.get(split) ?? new Map<number, number>();
    this.#labels.set(split, labels);
    labels.set(label, (labels.get(label) ?? 0) + 1);
    if (group !== undefined) this.#groups.set(group, (this.#groups.get(group) ?? 0) | BITS[split]);
  }

  has(split: Split): boolean {
    return this.#labels.has(split);
  }

  sharedGroups(): string[] {
    const pairs = [
      ['train', 'test'],
      ['validation', 'test'],
      ['train', 'validation'],
    ] as const;
    return pairs.flatMap(([a, b]) => {
      const both = BITS[a] | BITS[b];
      const shared = new NamesTally();
      for (const [group, splits] of this.#groups) if ((splits & both) === both) shared.add(group);
      return shared.count === 0
        ? []
        : [
            `Groups in both ${a} and ${b}: ${countedNames(shared.counted())}, of ${String(this.#groups.size)}.`,
          ];
    });
  }

  absentClasses(classNames: readonly string[]): string[] {
    return (['train', 'test'] as const).flatMap((split) => {
      const present = this.#labels.get(split);
      const absent = classNames.filter((_, label) => present?.has(label) !== true);
      return absent.length === 0 ? [] : [`Classes without a ${split} clip: ${countedNames(absent)}.`];
    });
  }
}

const BITS: Readonly<Record<Split, number>> = { train: 1, validation: 2, test: 4 };

function checkEnough(found: FoundClips, usable: number, tally: SplitTally): void {
  if (found.classNames.length < 2) {
    throw new ModalmixError('config', `there is only one class: ${found.classNames.join()}`, {
      where: found.where,
      fix: 'A classifier needs two classes or more: one folder or label each.',
    });
  }
  for (const split of ['train', 'test'] as const) {
    if (tally.has(split)) continue;
    const { count, examples } = found.listedMissing;
    throw new ModalmixError(
      'config',
      `the ${split} split is empty: of ${String(found.listed)} clips listed, ${String(usable)} can be used and ${String(count)} have no file (${found.splitRule})`,
      {
        where: found.where,
        fix:
          count > 0
            ? `Put the files there; the first missing is ${examples[0] ?? ''}.`
            : found.testShare === undefined
              ? `Add clips to the ${split} list, or lower dataset.validationShare.`
              : 'Add clips, or change dataset.testShare and dataset.validationShare.',
      },
    );
  }
}

function validationRule({ unit, listedTest }: SplitRule, share: number): string {
  if (unit === 'own') return "validation: the dataset's own";
  if (share === 0) return 'no validation split';
  const strata = unit === 'clip' && listedTest ? ', class by class' : '';
  return `validation: ${String(share)} of train by hash of the ${unit}${strata}`;
}
