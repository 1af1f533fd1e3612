import type { AnswerWindow } from '../../../../schemas/answer-window.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { dataTable, sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import { columns, minute, percent } from './parts.ts';

/** What is shown; the registry keeps all. */
const MOST_ROWS = 100;

/** What was told of the answers on the stream, newest first. */
export function answersSection(windows: readonly AnswerWindow[]): Html {
  const shown = windows.slice(-MOST_ROWS).toReversed();
  return markup`${sectionHeading(
    'answers',
    'Answers',
    markup`Windows of a predict worker's answers on the stream, newest first, and the alarms that they raised.`,
  )}
    ${
      shown.length === 0
        ? markup`<p class="note">No window of answers is full yet.</p>`
        : dataTable(
            'Answers',
            columns(
              'Window',
              'Until, UTC',
              'Version',
              ['Answers', 'number'],
              ['Confidence', 'number'],
              ['Entropy', 'number'],
              ['Distance of the classes', 'number'],
              ['Distance factor', 'number'],
              ['With a label', 'number'],
              ['Calibration error', 'number'],
            ),
            shown.map(
              (window) =>
                markup`<tr>
                  <th scope="row">${window.number}</th>
                  <td>${minute(window.to)}</td>
                  <td>${window.version}</td>
                  <td class="number">${window.answers}</td>
                  <td class="number">${percent(window.confidence)}</td>
                  <td class="number">${figure(window.entropy)}</td>
                  <td class="number">${figure(window.classDistance)}</td>
                  <td class="number">${figure(window.distanceFactor)}</td>
                  <td class="number">${window.labelled.answers}</td>
                  <td class="number">${figure(window.labelled.calibrationError)}</td>
                </tr>
                ${window.alarms.map(
                  ({ message }) =>
                    markup`<tr class="why">
                      <td></td>
                      <td colspan="9" class="prose">Alarm: ${message}</td>
                    </tr>`,
                )}`,
            ),
          )
    }`;
}

function figure(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(3);
}
