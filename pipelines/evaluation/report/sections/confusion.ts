import { markup, type Html } from '../html.ts';
import type { ReportData } from '../report-data.ts';
import { chartPanel, hasSeveralSeeds, sectionHeading, selectedIf } from './parts.ts';

/** Up to so many, a matrix of full width would be all cell and no number. */
const FEW_CLASSES = 6;

/** Which classes are taken for which. */
export function confusionSection(data: ReportData): Html {
  const seeds = hasSeveralSeeds(data) ? ', summed over its seeds' : '';
  const shown = data.curves[data.shown]?.method;
  return markup`${sectionHeading(
    'confusion',
    'Confusion',
    markup`Test clips by true class (rows) and predicted class (columns)${seeds}; the stronger
      the colour, the larger the share of the row.`,
  )}
    <label class="choice"
      >Method shown
      <select data-confusion-method autocomplete="off">
        ${data.methods.map((method) => markup`<option value="${method}"${selectedIf(method === shown)}>${method}</option>`)}
      </select></label
    >
    <div class="beside">
      ${chartPanel({
        key: 'confusion',
        title: 'True class ↓, predicted class →',
        label: 'Heat map: confusion matrix of the test split. The counts follow as a table.',
        shape: data.classNames.length > FEW_CLASSES ? 'matrix' : 'matrix small',
      })}
      <div class="panel">
        <h3>Most often confused</h3>
        <ol class="confusions" data-confusions></ol>
      </div>
    </div>`;
}
