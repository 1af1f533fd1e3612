import type { Spread } from '../../../../schemas/summary.ts';
import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportInput } from '../read-report-input.ts';
import { formatSpread, samplingError } from '../summarise.ts';
import { dataTable, sectionHeading } from './parts.ts';

/** Methods × scores. */
export function resultsSection({ summary, config }: ReportInput): Html {
  const { modalities } = config.extraction;
  const best = Math.max(...summary.rows.map(({ accuracy }) => accuracy.mean));
  const head = [
    markup`<th scope="col">Method</th>`,
    markup`<th scope="col" class="number">Seeds</th>`,
    markup`<th scope="col" class="number">Accuracy, fused</th>`,
    ...modalities.map((modality) => markup`<th scope="col" class="number">${headName(modality)} branch</th>`),
    markup`<th scope="col" class="number">Macro F1</th>`,
    markup`<th scope="col" class="number">mAP</th>`,
    markup`<th scope="col" class="number">Calibration error</th>`,
  ];
  const rows = summary.rows.map(
    (
      row,
    ) => markup`<tr${row.accuracy.mean === best && summary.rows.length > 1 ? markup` class="best"` : undefined}>
<th scope="row">${row.method}</th>
<td class="number">${row.seeds.length}</td>
${[row.accuracy, ...modalities.map((modality) => row.branches[modality]), row.macroF1, row.meanAveragePrecision, row.expectedCalibrationError].map(cell)}
</tr>`,
  );
  const error = samplingError(best, summary.testClips) * 100;
  const several = summary.rows.some(({ seeds }) => seeds.length > 1);
  const spread = several ? ', mean ± standard deviation over the seeds' : '';
  return markup`${sectionHeading(
    'results',
    'Results',
    markup`All values in percent on the test split (${summary.testClips} clips)${spread}.
      Drawing other test clips would move an accuracy by about ±${error.toFixed(1)} points in 95 of 100 cases.`,
  )}
    ${dataTable('Scores by method, in percent', head, rows)}
    <p class="note">
      A branch is the fused classifier’s share of one modality, W<sub>u</sub>z<sub>u</sub> + b/|U|, asked on
      its own, over the clips that have it. mAP is the mean over classes of average precision; the calibration
      error (15 bins) is lower for better.
    </p>`;
}

function cell(spread: Spread | undefined): Html {
  return markup`<td class="number">${spread === undefined ? '–' : formatSpread(spread)}</td>`;
}
