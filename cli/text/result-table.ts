/** The table of methods × accuracy, for a terminal. Pure. */
import { modalitiesOf } from '../../schemas/modality.ts';
import type { Interval, Spread, Summary } from '../../schemas/summary.ts';
import { textTable } from './text-table.ts';

/**
 * Accuracies on the test split in percent, mean ± deviation over the seeds: of the fused model with its interval, of each
 * modality's branch, and of a linear probe of its features.
 */
export function resultTable(summary: Summary): string {
  const modalities = modalitiesOf(summary.rows.map(({ branches }) => branches));
  const probed = modalities.filter((modality) => summary.rows.some((row) => row.probes?.[modality]));
  const intervals = summary.rows.some(({ interval }) => interval);
  const header = [
    ...['method', 'fused'],
    ...(intervals ? ['95 %'] : []),
    ...modalities,
    ...probed.map((modality) => `${modality} probe`),
    'seeds',
  ];
  const rows = summary.rows.map((row) => [
    row.method,
    percent(row.accuracy),
    ...(intervals ? [row.interval === undefined ? '–' : rangeOf(row.interval)] : []),
    ...modalities.map((modality) => percent(row.branches[modality])),
    ...probed.map((modality) => percent(row.probes?.[modality])),
    row.seeds.join(' '),
  ]);
  const groups =
    summary.testGroups === undefined || summary.testGroups.groupedClips === 0
      ? ''
      : ` of ${String(summary.testGroups.count)} groups`;
  const title = `Test accuracy in %, ${String(summary.testClips)} clips${groups}, ${String(summary.classes)} classes`;
  return `${title}\n${textTable({ header, rows })}`;
}

function rangeOf({ low, high }: Interval): string {
  return `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}`;
}

function percent(spread: Spread | undefined): string {
  if (spread === undefined) return '–';
  const mean = (100 * spread.mean).toFixed(1);
  return spread.std === undefined ? mean : `${mean} ± ${(100 * spread.std).toFixed(1)}`;
}
