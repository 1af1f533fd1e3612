/** What was told of a model's answers on the stream: windows, newest first, each with its alarms. */
import type { AnswersLine } from '../../wire.ts';
import { count, percent, plain, when } from './words.ts';

const COLUMNS = [
  'Version',
  'Answers',
  'Confidence',
  'Entropy',
  'Distance of the classes',
  'Distance factor',
  'With a label',
  'Right',
  'Calibration error',
];

export function AnswersTable({
  model,
  answers,
}: {
  readonly model: string;
  readonly answers: readonly AnswersLine[];
}) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Answers of ${model}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Window</th>
            {COLUMNS.map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
            <th scope="col">Alarms</th>
          </tr>
        </thead>
        <tbody>
          {answers.map((window) => (
            <tr key={window.number}>
              <th scope="row">
                {window.number}
                <span class="note">{when(Date.parse(window.to))}</span>
              </th>
              {[
                count(window.version),
                count(window.answers),
                percent(window.confidence),
                plain(window.entropy),
                plain(window.classDistance),
                plain(window.distanceFactor),
                count(window.labelled),
                percent(window.accuracy),
                plain(window.calibrationError),
              ].map((cell, i) => (
                <td key={i} class="number">
                  {cell}
                </td>
              ))}
              <td class="prose">
                {window.alarms.length === 0
                  ? '–'
                  : window.alarms.map((alarm) => (
                      <span key={alarm} class="note bad-word">
                        {alarm}
                      </span>
                    ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
