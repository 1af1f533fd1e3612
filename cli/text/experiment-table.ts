/** An experiment's table for a terminal. Pure. */
import type { ExperimentSummary } from '../../schemas/config/experiment.ts';
import { modalitiesOf } from '../../schemas/modality.ts';
import type { Spread } from '../../schemas/summary.ts';
import { textTable } from './text-table.ts';
import { contrastText } from './contrast-table.ts';

/**
 * The planned contrasts; then test accuracies in percent, mean ± deviation over folds and seeds, of the fused model, each
 * modality's branch and a linear probe of its features: a table each dataset, condition and fusion.
 */
export function experimentTable({ contrasts, rows, notDone }: ExperimentSummary): string {
  const folded = rows.some(({ folds }) => folds !== undefined);
  const modalities = modalitiesOf(rows.map(({ branches }) => branches));
  const probed = modalities.filter((modality) => rows.some(({ probes }) => probes?.[modality]));
  const titleOf = (row: (typeof rows)[number]) => `${row.dataset}, ${row.condition}, ${row.fusion}`;
  const tables = [...new Set(rows.map(titleOf))].map((title) => {
    const own = rows.filter((row) => titleOf(row) === title);
    return `${title}: test accuracy in %\n${textTable({
      header: [
        ...['method', 'fused', ...modalities],
        ...probed.map((modality) => `${modality} probe`),
        ...[...(folded ? ['folds'] : []), 'seeds', 'seconds'],
      ],
      rows: own.map((row) => [
        row.method,
        percent(row.accuracy),
        ...modalities.map((modality) => percent(row.branches[modality])),
        ...probed.map((modality) => percent(row.probes?.[modality])),
        ...(folded ? [String(row.folds?.length ?? 1)] : []),
        String(row.seeds.length),
        row.seconds.mean.toFixed(0),
      ]),
    })}`;
  });
  const lacking = notDone
    .filter(({ state }) => state !== 'not applicable')
    .map(
      ({ dataset, fold, condition, fusion, method, seed, reason }) =>
        `not done: ${dataset}${fold === undefined ? '' : `, fold ${fold}`}, ${condition}, ${fusion}: ${method} seed ${String(seed)}: ${reason ?? 'not trained yet'}`,
    );
  return [
    ...contrasts.map(contrastText),
    ...tables,
    ...(lacking.length === 0 ? [] : [lacking.join('\n')]),
  ].join('\n\n');
}

function percent(spread: Spread | undefined): string {
  if (spread === undefined) return '–';
  const mean = (100 * spread.mean).toFixed(1);
  return spread.std === undefined ? mean : `${mean} ± ${(100 * spread.std).toFixed(1)}`;
}
