import { methodWarnings } from '../../../../schemas/config/method-warnings.ts';
import type { Interval, Spread, Summary, SummaryRow } from '../../../../schemas/summary.ts';
import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportInput } from '../read-report-input.ts';
import { drawnGroups, formatInterval, formatSpread, samplingError } from '../summarise.ts';
import { dataTable, sectionHeading } from './parts.ts';

/** Methods × scores. */
export function resultsSection({ summary, config }: ReportInput): Html {
  const { modalities } = config.extraction;
  const best = Math.max(...summary.rows.map(({ accuracy }) => accuracy.mean));
  const probed = summary.rows.some(({ probes }) => Object.keys(probes ?? {}).length > 0);
  const scaled = summary.rows.some(({ scaledCalibrationError }) => scaledCalibrationError);
  const columns: readonly (readonly [string, (row: SummaryRow) => Html])[] = [
    ['Accuracy, fused', (row) => cell(row.accuracy)],
    ...(summary.rows.some(({ interval }) => interval)
      ? [['95 % interval', (row: SummaryRow) => intervalCell(row.interval)] as const]
      : []),
    ...modalities.flatMap((modality) => [
      [`${headName(modality)} branch`, (row: SummaryRow) => cell(row.branches[modality])] as const,
      ...(probed
        ? [[`${headName(modality)} probe`, (row: SummaryRow) => cell(row.probes?.[modality])] as const]
        : []),
    ]),
    ['Macro F1', (row) => cell(row.macroF1)],
    ['mAP', (row) => cell(row.meanAveragePrecision)],
    ['Calibration error', (row) => cell(row.expectedCalibrationError)],
    ...(scaled
      ? [['Calibration, scaled', (row: SummaryRow) => cell(row.scaledCalibrationError)] as const]
      : []),
  ];
  const head = [
    markup`<th scope="col">Method</th>`,
    markup`<th scope="col" class="number">Seeds</th>`,
    ...columns.map(([name]) => markup`<th scope="col" class="number">${name}</th>`),
  ];
  const rows = summary.rows.map(
    (
      row,
    ) => markup`<tr${row.accuracy.mean === best && summary.rows.length > 1 ? markup` class="best"` : undefined}>
<th scope="row">${row.method}</th>
<td class="number">${row.seeds.length}</td>
${columns.map(([, value]) => value(row))}
</tr>`,
  );
  const several = summary.rows.some(({ seeds }) => seeds.length > 1);
  const spread = several ? ', mean ± standard deviation over the seeds' : '';
  return markup`${sectionHeading(
    'results',
    'Results',
    markup`All values in percent on the test split (${summary.testClips} clips)${spread}.
      ${certainty(summary, best)}`,
  )}
    ${dataTable('Scores by method, in percent', head, rows)}
    ${methodWarnings(config.training).map((warning) => markup`<p class="note">Mind: ${warning}</p>`)}
    <p class="note">
      A branch is the fused classifier’s share of one modality, W<sub>u</sub>z<sub>u</sub> + b/|U|, asked on
      its own, over the clips that have it.${probed ? PROBE_NOTE : undefined} mAP is the mean over classes of average
      precision; the calibration error (15 bins) is lower for better.${scaled ? SCALED_NOTE : undefined}
    </p>`;
}

const PROBE_NOTE = markup` It is what the joint head asks of the modality, and can be poor although the features are
      good, where the head leans on the others. A probe says what the features carry: a linear classifier
      (ridge regression) fitted anew on that modality’s frozen features of the training split, its regularisation
      chosen on the validation split where there is one.`;

const SCALED_NOTE = markup` Scaled: after the fused logits were divided by the temperature that fits the validation
      split best, which changes no class that is named.`;

/** How far other test clips would move an accuracy. */
function certainty(summary: Summary, best: number): Html {
  const drawn = drawnGroups(summary);
  if (drawn === undefined) {
    const error = (samplingError(best, summary.testClips) * 100).toFixed(1);
    return markup`Drawing other test clips would move an accuracy by about ±${error} points in 95 of 100 cases.`;
  }
  if (summary.testGroups?.count === 1) {
    return markup`All test clips are of one group: how far another would move an accuracy, they cannot say.`;
  }
  return markup`The intervals (95 %) are of an accuracy when others are drawn: by bootstrap over ${drawn}.`;
}

function intervalCell(interval: Interval | undefined): Html {
  return markup`<td class="number">${interval === undefined ? '–' : formatInterval(interval)}</td>`;
}

function cell(spread: Spread | undefined): Html {
  return markup`<td class="number">${spread === undefined ? '–' : formatSpread(spread)}</td>`;
}
