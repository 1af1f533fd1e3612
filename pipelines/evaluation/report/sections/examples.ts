import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportInput, TrainingRecord } from '../read-report-input.ts';
import { sectionHeading, trainingChoice } from './parts.ts';

/** Pictures of all trainings together, so that the page stays small; about 6 KB each. */
const PICTURE_BUDGET = 240;
const JPEG_URI = /^data:image\/jpeg;base64,[A-Za-z0-9+/]+={0,2}$/u;

type Example = TrainingRecord['evaluation']['misclassified'][number];

/** The clips each training was most wrong about; one training's are seen at a time. */
export function examplesSection({ trainings, manifest }: ReportInput, shown: number): Html {
  const each = Math.max(1, Math.floor(PICTURE_BUDGET / Math.max(1, trainings.length)));
  return markup`${sectionHeading(
    'mistakes',
    'Mistakes',
    markup`Test clips the model got wrong, the surest mistakes first, with the middle one of their frames.`,
  )}
  ${trainingChoice(
    trainings.map(({ evaluation }) => evaluation),
    shown,
  )}
  ${trainings.map(
    ({ evaluation }, i) =>
      markup`<div data-of-training="${i}" ${i === shown ? undefined : markup` hidden`}>
        ${
          evaluation.misclassified.length === 0
            ? markup`<p class="note">None to show.</p>`
            : markup`<ul class="examples">
                ${evaluation.misclassified
                  .slice(0, each)
                  .map((example) => exampleCard(example, manifest.classNames))}
              </ul>`
        }
      </div>`,
  )}`;
}

function exampleCard(example: Example, classNames: readonly string[]): Html {
  const { clipId, label, predicted, probability, branchPredicted, frame } = example;
  const name = (k: number): string => classNames[k] ?? String(k);
  const branches = Object.entries(branchPredicted) as [keyof typeof branchPredicted, number][];
  return markup`<li class="example">
    ${
      frame !== undefined && JPEG_URI.test(frame)
        ? markup`<img src="${frame}" alt="Middle frame of ${clipId}" />`
        : markup`<div class="no-picture">no picture</div>`
    }
    <dl>
      <div>
        <dt>True</dt>
        <dd class="true">${name(label)}</dd>
      </div>
      <div>
        <dt>Predicted</dt>
        <dd class="said">
          ${name(predicted)} <span class="quiet">${(100 * probability).toFixed(0)} %</span>
        </dd>
      </div>
      ${branches.map(
        ([modality, k]) =>
          markup`<div>
            <dt>${headName(modality)}</dt>
            <dd class="${k === label ? 'true' : ''}">
              ${name(k)}${k === label ? markup` <span class="quiet">right</span>` : undefined}
            </dd>
          </div>`,
      )}
    </dl>
    <p class="clip-id">${clipId}</p>
  </li>`;
}
