import type { MethodName } from '../../../../schemas/config/methods.ts';
import { classScores } from '../../metrics/per-class.ts';
import { markup, type Html } from '../html.ts';
import type { ReportData } from '../report-data.ts';
import { dataTable, hasSeveralSeeds, sectionHeading } from './parts.ts';

/** A table a method: what each class gets right and wrong. */
export function classesSection(data: ReportData): Html {
  const seeds = hasSeveralSeeds(data) ? ' over all its seeds' : '';
  const shown = data.curves[data.shown]?.method;
  return markup`${sectionHeading(
    'classes',
    'Classes',
    markup`Precision is the share of the clips named a class that are of it, recall the share of the clips of a
      class that are named so, F1 their harmonic mean; in percent, of the fused model on the test split${seeds}.`,
  )}
    ${data.confusion.map(({ method, counts }) => {
      const trainings = data.curves.filter((one) => one.method === method).length;
      const table = tableOf(method, counts, data.classNames, trainings);
      if (data.confusion.length === 1) return table;
      const open = method === shown ? markup` open` : undefined;
      return markup`<details${open}><summary>${method}</summary>${table}</details>`;
    })}`;
}

function tableOf(
  method: MethodName,
  counts: ReportData['confusion'][number]['counts'],
  names: readonly string[],
  /** Over which the counts are sums. */
  trainings: number,
): Html {
  const columns = ['Precision', 'Recall', 'F1', 'Clips'];
  return dataTable(
    `Scores by class, ${method}`,
    [
      markup`<th scope="col">Class</th>`,
      ...columns.map((name) => markup`<th scope="col" class="number">${name}</th>`),
    ],
    classScores(counts).map(
      ({ precision, recall, f1, clips }, k) =>
        markup`<tr><th scope="row">${names[k] ?? String(k)}</th>${[precision, recall, f1].map(share)}<td class="number">${clips / trainings}</td></tr>`,
    ),
  );
}

function share(value: number | undefined): Html {
  return markup`<td class="number">${value === undefined ? '–' : (100 * value).toFixed(1)}</td>`;
}
