import { markup, type Html } from '../../../evaluation/report/html.ts';
import { chartPanel, dataTable, sectionHeading, whole } from '../../../evaluation/report/sections/parts.ts';
import type { ModelHistory } from '../../history.ts';
import { verdictOf } from '../../verdict.ts';
import { columns, minute, percent } from './parts.ts';

/** Accuracy over the versions, each beside the model that it was to replace. */
export function accuracySection(history: ModelHistory): Html {
  const { versions, current } = history;
  const rows = versions.map((version) => {
    const { heldOut, newData } = version.comparison ?? {};
    const isCurrent = version.version === current;
    return markup`<tr${isCurrent ? markup` class="best"` : undefined}>
      <th scope="row">${version.version}${isCurrent ? markup` <span class="quiet">current</span>` : undefined}</th>
      <td>${minute(version.createdAt)}</td>
      <td>${version.parent === undefined ? 'scratch' : `version ${String(version.parent)}`}</td>
      <td class="number">${version.window ?? '–'}</td>
      <td class="number">${heldOut === undefined ? '–' : whole(heldOut.candidate.samples)}</td>
      <td class="number">${percent(heldOut?.candidate.accuracy)}</td>
      <td class="number">${percent(heldOut?.current?.accuracy)}</td>
      <td class="number">${newData === undefined ? '–' : whole(newData.candidate.samples)}</td>
      <td class="number">${percent(newData?.candidate.accuracy)}</td>
      <td class="number">${percent(newData?.current?.accuracy)}</td>
      <td>${verdictOf(version) || '–'}</td>
    </tr>`;
  });
  const compared = versions.some(({ comparison }) => comparison !== undefined);
  return markup`${sectionHeading(
    'accuracy',
    'Accuracy',
    markup`Each version was judged on the same clips as the model that was current then: all held-out clips of
      its snapshot, and those of them that came with its window. The clips differ from version to version.`,
  )}
    ${
      compared
        ? markup`<p class="key">
              <span class="dot" aria-hidden="true"></span>this version, promoted by the gate
              <span class="dot ring" aria-hidden="true"></span>rejected
              <span class="line dashed" aria-hidden="true"></span>the model that was current
            </p>
            <div class="panels">
              ${chartPanel({
                key: 'accuracy/heldOut',
                title: 'All held-out clips',
                label:
                  'Line chart: held-out accuracy by version, of the version and of the model that was current. The values follow as a table.',
              })}
              ${chartPanel({
                key: 'accuracy/newData',
                title: 'The window’s own held-out clips',
                label:
                  'Line chart: accuracy on the held-out clips of the window by version, of the version and of the model that was current. The values follow as a table.',
              })}
            </div>`
        : markup`<p class="note">No version was compared with another yet.</p>`
    }
    <div class="below">
      ${dataTable(
        'Versions',
        columns(
          'Version',
          'Made, UTC',
          'From',
          ['Window', 'number'],
          ['Held out', 'number'],
          ['Accuracy', 'number'],
          ['Current’s', 'number'],
          ['New data', 'number'],
          ['Accuracy', 'number'],
          ['Current’s', 'number'],
          'Gate',
        ),
        rows,
      )}
    </div>`;
}
