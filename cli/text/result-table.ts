/** The table of methods × accuracy, for a terminal. Pure. */
import { MODALITIES } from '../../schemas/modality.ts';
import type { Spread, Summary } from '../../schemas/summary.ts';
import { textTable } from './text-table.ts';

/** Accuracies on the test split in percent, mean ± deviation over the seeds. */
export function resultTable(summary: Summary): string {
  const modalities = MODALITIES.filter((modality) => summary.rows.some((row) => row.branches[modality]));
  const header = ['method', 'fused', ...modalities, 'seeds'];
  const rows = summary.rows.map((row) => [
    row.method,
    percent(row.accuracy),
    ...modalities.map((modality) => percent(row.branches[modality])),
    row.seeds.join(' '),
  ]);
  const title = `Test accuracy in %, ${String(summary.testClips)} clips, ${String(summary.classes)} classes`;
  return `${title}\n${textTable({ header, rows })}`;
}

function percent(spread: Spread | undefined): string {
  if (spread === undefined) return '–';
  const mean = (100 * spread.mean).toFixed(1);
  return spread.std === undefined ? mean : `${mean} ± ${(100 * spread.std).toFixed(1)}`;
}
