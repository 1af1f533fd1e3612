/** A search's table for a terminal. Pure. */
import type { FieldValue, SearchSummary } from '../../schemas/config/search.ts';
import type { Spread } from '../../schemas/summary.ts';
import { textTable } from './text-table.ts';

/** The best trial of each method with its values, how sure that is, and what failed. */
export function searchTable({ methods, rungs, validationClips, metric, failures }: SearchSummary): string {
  const fields = [...new Set(methods.flatMap(({ best }) => Object.keys(best[0]?.values ?? {})))];
  const header = [
    'method',
    'trial',
    'epochs',
    'accuracy',
    'loss',
    ...fields.map((field) => shortName(field, fields)),
  ];
  const rows = methods.flatMap(({ method, best: [first] }) =>
    first === undefined
      ? []
      : [
          [
            ...[method, String(first.trial), String(first.epochs)],
            ...[percent(first.accuracy), decimal(first.loss)],
            ...fields.map((field) => (field in first.values ? valueText(first.values[field]!) : '')),
          ],
        ],
  );
  const steps = rungs.map(({ epochs, trials }) => `${String(trials)} for ${count(epochs, 'epoch')}`);
  const spent = methods.map(({ method, epochs }) => `${method} ${String(epochs)}`);
  const lost = methods.flatMap(({ method, best }) => (best.length === 0 ? [method] : []));
  return [
    `best trials by ${metric === 'validation.loss' ? 'loss' : 'accuracy'}, in % on ${count(validationClips, 'validation clip')}\n${textTable({ header, rows })}`,
    [
      `trials of a method: ${steps.join(', ')}; epochs trained: ${spent.join(', ')}`,
      ...lost.map((method) => `${method}: no trial is done`),
      sureness(methods, validationClips),
    ]
      .filter((line) => line !== '')
      .join('\n'),
    ...(failures.length === 0
      ? []
      : [
          failures
            .map(
              ({ method, trial, epochs, seed, reason }) =>
                `not done: ${method} trial ${String(trial)}, ${count(epochs, 'epoch')}, seed ${String(seed)}: ${reason}`,
            )
            .join('\n'),
        ]),
  ].join('\n\n');
}

/** Deviations of a share over so many clips, taken for independent, that are not told from chance. */
const SURE = 1.96;

function sureness(methods: SearchSummary['methods'], clips: number): string {
  const shares = methods.flatMap(({ best }) => best[0]?.accuracy.mean ?? []);
  if (shares.length === 0 || clips === 0) return '';
  const best = Math.max(...shares);
  // Agresti and Coull's interval, which also knows how unsure 100 % is.
  const share = (best * clips + SURE ** 2 / 2) / (clips + SURE ** 2);
  const points = 100 * SURE * Math.sqrt((share * (1 - share)) / (clips + SURE ** 2));
  return `Other validation clips would move ${percent({ mean: best, values: [] })} % by ±${points.toFixed(1)} points in 95 of 100 cases; the best of several is rather too good.`;
}

/** `training.optimizer.learningRate`: its last part, or with its group where another field ends alike. */
function shortName(field: string, fields: readonly string[]): string {
  const last = field.split('.').at(-1)!;
  const alike = fields.filter((other) => other.endsWith(`.${last}`));
  return alike.length === 1 ? last : field.replace(/^training\./u, '');
}

function valueText(value: FieldValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function percent(spread: Spread): string {
  const mean = (100 * spread.mean).toFixed(1);
  return spread.std === undefined ? mean : `${mean} ± ${(100 * spread.std).toFixed(1)}`;
}

function decimal(spread: Spread): string {
  return spread.mean.toPrecision(3);
}

function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}
