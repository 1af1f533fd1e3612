import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportInput } from '../read-report-input.ts';
import { headline } from '../summarise.ts';
import { factList, whole } from './parts.ts';

/** The run's name, its result in words, and the facts one asks first. */
export function headerSection({ title, runId, manifest, summary, trainings, config }: ReportInput): Html {
  const [first = '', ...rest] = headline(summary);
  const facts: readonly (readonly [string, string])[] = [
    ['Dataset', manifest.name],
    ['Clips', `${whole(manifest.splits.train.rows)} train, ${whole(manifest.splits.test.rows)} test`],
    ['Classes', whole(manifest.classNames.length)],
    ['Modalities', config.extraction.modalities.map(headName).join(', ')],
    ['Trainings', `${whole(trainings.length)} × ${whole(config.training.epochs)} epochs`],
    ['Run', runId],
  ];
  return markup`<header>
    <p class="eyebrow">Modalmix report</p>
    <h1>${title}</h1>
    <p class="headline">${first}</p>
    ${rest.map((sentence) => markup`<p class="subline">${sentence}</p>`)}
    ${factList(facts, 'short')}
  </header>`;
}
