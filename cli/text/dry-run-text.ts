/** What a dry run found, in words. Pure. */
import { SPLITS } from '../../schemas/clip.ts';
import { oneLine } from '../../schemas/printable.ts';
import type { CostOutlook } from '../dry-run/cost-outlook.ts';
import type { DataOutlook } from '../dry-run/data-outlook.ts';
import type { TrainingOutlook } from '../dry-run/training-outlook.ts';
import { counted } from './counted.ts';
import { duration } from './stage-text.ts';
import { textTable } from './text-table.ts';

/** Classes and trainings that have a line of their own. */
const MOST_LINES = 40;

/** Clips by class and split, then what is odd about them. */
export function dataOutlookText(data: DataOutlook): string {
  const { clips, classes, splits, odd, splitRule, toMake } = data;
  const cells = (counts: typeof splits) => SPLITS.map((split) => String(counts[split]));
  const shown = classes.slice(0, MOST_LINES);
  const others = classes.length - shown.length;
  return [
    `Data: ${counted(clips, 'clip')} of ${String(classes.length)} classes. Split: ${splitRule}.`,
    textTable({
      header: ['class', ...SPLITS],
      rows: [
        ...shown.map(({ name, splits: counts }) => [name, ...cells(counts)]),
        ...(others > 0 ? [[`… and ${String(others)} others`]] : []),
        ['all', ...cells(splits)],
      ],
    }),
    ...(toMake > 0
      ? [`${counted(toMake, 'clip')} of the embedded data ${toMake === 1 ? 'is' : 'are'} made first.`]
      : []),
    ...(odd.length > 0 ? ['Odd:', ...odd.map((line) => `  ${oneLine(line)}`)] : []),
  ].join('\n');
}

/** `Shards: 6; 4 to build from 12 clips decoded and 3 taken from earlier shards; 2 used again. Version 4f1c….` */
export function shardsText({ shards }: DataOutlook): string {
  if (shards === undefined) return 'Shards: known once the clips are made.';
  const { toBuild, clipsToExtract, version } = shards;
  const there = shards.shards - toBuild;
  const parts = [
    ...(toBuild > 0 ? [`${String(toBuild)} to build (${counted(clipsToExtract, 'clip')} to extract)`] : []),
    ...(there > 0 ? [`${String(there)} used again`] : []),
  ];
  return `Shards: ${String(shards.shards)}; ${parts.join(', ')}. Dataset version ${version}.`;
}

/** How many are found or new, and a line each. */
export function trainingsText(trainings: readonly TrainingOutlook[]): string {
  const states = ['done', 'trained', 'begun', 'new'] as const;
  const counts = states.flatMap((state) => {
    const count = trainings.filter((one) => one.state === state).length;
    return count === 0 ? [] : [`${String(count)} ${STATE_WORDS[state]}`];
  });
  const shown = trainings.length > MOST_LINES ? [] : trainings;
  return [
    `Trainings: ${String(trainings.length)}; ${counts.join(', ')}.`,
    ...shown.map(({ spec, state, step, neededBy }) => {
      const facts = [
        state === 'begun' ? `goes on from step ${String(step)}` : STATE_WORDS[state],
        ...(neededBy === undefined ? [] : [`needed by ${neededBy}`]),
      ];
      return `  ${spec.method} seed ${String(spec.seed)}: ${facts.join(', ')}`;
    }),
  ].join('\n');
}

const STATE_WORDS = {
  done: 'found',
  trained: 'found, to evaluate',
  begun: 'found begun',
  new: 'new',
} as const;

/** Time and disk, and what they are reckoned from. */
export function costText(cost: CostOutlook, storeUri: string): string {
  const { extractionS, trainingS, from } = cost;
  const times = [
    ...(extractionS > 0 ? [`${duration(extractionS)} to extract`] : []),
    ...(trainingS > 0 ? [`${duration(trainingS)} of training, one after the other`] : []),
  ];
  const disk = [
    ...(cost.shardBytes > 0 ? [`${size(cost.shardBytes)} of shards`] : []),
    ...(cost.trainingBytes > 0 ? [`${size(cost.trainingBytes)} of checkpoints and weights`] : []),
  ];
  if (times.length === 0 && disk.length === 0) return 'There is nothing to build and nothing to train.';
  return [
    ...(times.length > 0 ? [`Time, about: ${times.join(', ')}; evaluation and report come on top.`] : []),
    ...from.map((source) => `  By rates of ${source}.`),
    ...(disk.length > 0 ? [`Disk, about: ${disk.join(', ')}, in ${storeUri}.`] : []),
  ].join('\n');
}

function size(bytes: number): string {
  const units = ['KB', 'MB', 'GB', 'TB'] as const;
  const power = Math.min(units.length, Math.max(1, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const amount = bytes / 1000 ** power;
  return `${amount >= 10 ? amount.toFixed(0) : amount.toFixed(1)} ${units[power - 1]!}`;
}
