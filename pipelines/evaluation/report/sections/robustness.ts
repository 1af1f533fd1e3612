import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportData } from '../report-data.ts';
import { chartPanel, methodChips, sectionHeading } from './parts.ts';

/** What is left when a modality is noisy or gone. */
export function robustnessSection(data: ReportData): Html {
  return markup`${sectionHeading(
    'robustness',
    'Robustness',
    markup`Accuracy of the fused model when one modality is disturbed by Gaussian noise (its deviation given
      in deviations of the normalised input) or is missing. A model that leans on one modality falls far in
      that modality’s chart.`,
  )}
    ${methodChips(data.methods)}
    <div class="panels">
      ${data.robustness.byModality.map(({ modality }) =>
        chartPanel({
          key: `robustness/${modality}`,
          title: `${headName(modality)} disturbed`,
          label: `Bar chart: test accuracy with ${headName(modality)} intact, noised and dropped, one bar a method. The values follow as a table.`,
        }),
      )}
    </div>`;
}
