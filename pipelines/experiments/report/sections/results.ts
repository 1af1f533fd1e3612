import type { ExperimentRow } from '../../../../schemas/config/experiment.ts';
import { headName } from '../../../evaluation/report/head-names.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import type { Spread } from '../../../../schemas/summary.ts';
import type { ExperimentPageInput } from '../page-input.ts';
import { numberCell, sortableTable, spreadCell, type SortableColumn } from './parts.ts';

const PROBE_NOTE = markup` A probe is a linear classifier (ridge regression) fitted to that modality’s frozen features: what
    they hold, whatever the fused classifier makes of them.`;

/** Methods × scores, a table each dataset, fusion and condition. */
export function resultsSection({ config, groups, summary }: ExperimentPageInput): Html {
  const { modalities } = config.base.extraction;
  const folded = groups.some(({ fold }) => fold !== undefined);
  const several =
    new Set(groups.map(({ dataset, condition, fusion }) => `${dataset}, ${condition}, ${fusion}`)).size > 1;
  const shown = new Set<string>();
  const tables = groups.flatMap(({ dataset, condition, fusion }) => {
    const rows = summary.rows.filter(
      (row) => row.dataset === dataset && row.condition === condition && row.fusion === fusion,
    );
    const name = `${dataset}, ${condition}, ${fusion}`;
    // A dataset's folds are blocks of one table.
    if (rows.length === 0 || shown.has(name)) return [];
    shown.add(name);
    const table = tableOf(name, rows, modalities);
    return [{ name, table, open: condition === config.conditions[0]!.name }];
  });
  return markup`${sectionHeading(
    'results',
    'Results',
    markup`In percent on the test split, mean ± standard deviation over the ${folded ? 'folds and seeds' : 'seeds'}; the best of a column is bold.
      ${samplingNote(summary)} A heading sorts its column.`,
  )}
  ${tables.map(({ name, table, open }) =>
    several
      ? markup`<details${open ? markup` open` : undefined}><summary>${name}</summary>${table}</details>`
      : table,
  )}
  <p class="note">
    A branch is the fused classifier’s share of one modality, asked on its
    own.${summary.rows.some(({ probes }) => probes) ? PROBE_NOTE : undefined} mAP is the mean over classes of
    average precision; the calibration error (15 bins) is lower for better. Seconds are those of the training
    steps; memory is the largest resident size of the training’s process, that of the last one where a training
    was interrupted.
  </p>`;
}

/** By groups: clips of one speaker are no independent draws. */
function samplingNote({ datasets }: ExperimentPageInput['summary']): string {
  const known = datasets.flatMap(({ name, groups, samplingError }) => {
    if (groups === undefined) return [];
    const units =
      groups.unit === 'group' ? `${String(groups.count)} groups` : `${String(groups.count)} single clips`;
    const error =
      samplingError === undefined
        ? 'by nobody knows how much'
        : `by ±${(100 * samplingError).toFixed(1)} points`;
    return [`${datasets.length > 1 ? `${name}: ` : ''}${error} (${units})`];
  });
  return known.length === 0
    ? ''
    : `Other speakers or sources of test clips would move the best accuracy ${known.join('; ')}, in 95 of 100 cases (cluster-robust).`;
}

function tableOf(
  name: string,
  rows: readonly ExperimentRow[],
  modalities: ExperimentPageInput['config']['base']['extraction']['modalities'],
): Html {
  const scores: readonly (readonly [string, (row: ExperimentRow) => Spread | undefined, 'high' | 'low'])[] = [
    ['Accuracy', (row) => row.accuracy, 'high'],
    ...modalities.flatMap((modality) => [
      [`${headName(modality)} branch`, (row: ExperimentRow) => row.branches[modality], 'high'] as const,
      ...(rows.some(({ probes }) => probes?.[modality])
        ? [[`${headName(modality)} probe`, (row: ExperimentRow) => row.probes?.[modality], 'high'] as const]
        : []),
    ]),
    ['Macro F1', (row) => row.macroF1, 'high'],
    ['mAP', (row) => row.meanAveragePrecision, 'high'],
    ['Calibration error', (row) => row.expectedCalibrationError, 'low'],
  ];
  const bests = scores.map(([, pick, better]) => {
    const means = rows.flatMap((row) => pick(row)?.mean ?? []);
    return better === 'high' ? Math.max(...means) : Math.min(...means);
  });
  const folds = rows.some((row) => row.folds !== undefined);
  const columns: SortableColumn[] = [
    { name: 'Method', kind: 'text' },
    ...[
      ...(folds ? ['Folds'] : []),
      'Seeds',
      ...scores.map(([title]) => title),
      'Seconds',
      'Memory, MiB',
    ].map((title): SortableColumn => ({
      name: title,
      kind: 'number',
    })),
  ];
  return sortableTable(
    name,
    columns,
    rows.map(
      (row) => markup`<tr>
        <th scope="row">${row.method}</th>
        ${folds ? numberCell(String(row.folds?.length ?? 1), row.folds?.length ?? 1) : undefined}
        ${numberCell(String(row.seeds.length), row.seeds.length)}
        ${scores.map(([, pick], i) => {
          const spread = pick(row);
          return spreadCell(spread, spread?.mean === bests[i]);
        })}
        ${numberCell(row.seconds.mean.toFixed(0), row.seconds.mean)}
        ${numberCell(row.peakMemoryMiB?.mean.toFixed(0) ?? '–', row.peakMemoryMiB?.mean)}
      </tr>`,
    ),
  );
}
