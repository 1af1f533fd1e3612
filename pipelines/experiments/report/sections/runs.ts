import { storePaths } from '../../../../schemas/names.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { dataTable, sectionHeading, whole } from '../../../evaluation/report/sections/parts.ts';
import { isDone } from '../../group-sums.ts';
import { sourceName } from '../../matrix.ts';
import type { ExperimentPageInput } from '../page-input.ts';

/** From this page's folder to the store's root. */
const TO_STORE = '../../../';

/** The runs that the matrix consists of, and which of their trainings are not done. */
export function runsSection({ groups, summary }: ExperimentPageInput): Html {
  const rows = groups.map(({ runId, dataset, fold, condition, fusion, cells }) => {
    const done = cells.filter(isDone).length;
    const wanted = cells.filter(({ state }) => state !== 'not applicable').length;
    return markup`<tr>
      <th scope="row">${done === 0 ? runId : markup`<a href="${TO_STORE + storePaths.report(runId)}">${runId}</a>`}</th>
      <td>${sourceName({ dataset, fold })}</td>
      <td>${condition}</td>
      <td>${fusion}</td>
      <td class="number">${whole(done)} of ${whole(wanted)}</td>
    </tr>`;
  });
  const column = (name: string) => markup`<th scope="col">${name}</th>`;
  const { notDone } = summary;
  return markup`${sectionHeading(
    'runs',
    'Runs',
    markup`Trainings that differ in method and seed only are a run, with a report of its own: curves, confusion,
      features, mistakes.`,
  )}
  ${dataTable('Runs of this experiment', ['Run', 'Dataset', 'Condition', 'Fusion', 'Done'].map(column), rows)}
  ${
    notDone.length === 0
      ? markup`<p class="note">Every cell of the matrix is done.</p>`
      : markup`<div class="below">${dataTable(
          'Cells that are not done',
          ['Method', 'Seed', 'Dataset', 'Condition', 'Fusion', 'State', 'Why'].map(column),
          notDone.map(
            (cell) => markup`<tr>
              <th scope="row">${cell.method}</th>
              <td>${cell.seed}</td>
              <td>${sourceName(cell)}</td>
              <td>${cell.condition}</td>
              <td>${cell.fusion}</td>
              <td>${cell.state}</td>
              <td class="prose">${cell.reason ?? '–'}</td>
            </tr>`,
          ),
        )}</div>`
  }`;
}
