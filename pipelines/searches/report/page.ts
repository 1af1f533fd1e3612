/** The page of a search: what stands on it, in reading order. Pure, but for the bundling of its script. */
import type { RankedTrial, SearchConfig, SearchSummary } from '../../../schemas/config/search.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Provenance } from '../../../schemas/summary.ts';
import { markup, type Html } from '../../evaluation/report/html.ts';
import {
  chartPanel,
  dataTable,
  factList,
  sectionHeading,
  whole,
} from '../../evaluation/report/sections/parts.ts';
import { renderShell } from '../../evaluation/report/shell.ts';
import { numberCell, sortableTable, spreadCell } from '../../experiments/report/sections/parts.ts';
import type { CollectedTrial } from '../collect-trials.ts';
import { belowTraining, chartData, nameOf } from './chart-data.ts';

export interface SearchPageInput {
  readonly config: SearchConfig;
  readonly summary: SearchSummary;
  /** Of all rungs. */
  readonly trials: readonly CollectedTrial[];
  readonly provenance: Provenance;
}

export async function renderSearch(input: SearchPageInput): Promise<string> {
  const { config, summary, provenance, trials } = input;
  return await renderShell({
    title: config.name,
    header: headerSection(input),
    sections: [
      { id: 'found', name: 'Found', body: foundSection(input) },
      { id: 'space', name: 'Space', body: spaceSection(config) },
      { id: 'trials', name: 'Trials', body: trialsSection(input) },
      { id: 'provenance', name: 'Provenance', body: provenanceSection(summary, provenance) },
    ],
    data: chartData(config, trials),
    client: new URL('client/main.ts', import.meta.url),
  });
}

function headerSection({ config, summary }: SearchPageInput): Html {
  const rungs = summary.rungs.map(({ epochs, trials }) => `${whole(trials)} for ${whole(epochs)} epochs`);
  const measure = config.metric === 'validation.loss' ? 'validation loss' : 'validation accuracy';
  const failed = summary.failures.length;
  return markup`<header>
    <p class="eyebrow">Modalmix search</p>
    <h1>${config.name}</h1>
    <p class="headline">${answer(summary)}</p>
    <p class="subline">Chosen by ${measure}, on ${whole(summary.validationClips)} clips; the test split was not looked at.
      A figure of the best of several trials is rather too good: judge it on the test split, once.</p>
    ${failed === 0 ? undefined : markup`<p class="subline">${whole(failed)} trainings are not done; see Trials.</p>`}
    ${factList(
      [
        ['Methods', whole(config.methods.length)],
        ['Trials of each', rungs.join(', ')],
        ['Seeds', whole(config.seeds.length)],
        ['Validation clips', whole(summary.validationClips)],
        ['Search', summary.searchId],
      ],
      'short',
    )}
  </header>`;
}

/** The best trial of each method in words. */
export function answer({ methods, metric }: SearchSummary): string {
  const found = methods.flatMap(({ method, best: [first] }) =>
    first === undefined ? [] : [{ method, first }],
  );
  if (found.length === 0) return 'No trial is done.';
  return `Best on the validation split: ${found
    .map(({ method, first }) =>
      metric === 'validation.loss'
        ? `${method}, loss ${first.loss.mean.toPrecision(3)}`
        : `${method} with ${(100 * first.accuracy.mean).toFixed(1)} %`,
    )
    .join('; ')}.`;
}

function foundSection({ config, summary }: SearchPageInput): Html {
  const fields = Object.keys(config.space);
  const left = ['Method', ...fields.map(belowTraining)].map((name) => markup`<th scope="col">${name}</th>`);
  const right = ['Trial', 'Epochs', 'Accuracy', 'Loss'].map(
    (name) => markup`<th scope="col" class="number">${name}</th>`,
  );
  const rows = summary.methods.flatMap(({ method, best: [first] }) =>
    first === undefined
      ? []
      : [
          markup`<tr>
            <th scope="row"><a href="${bestFile(method)}">${method}</a></th>
            ${fields.map((field) => markup`<td>${valueText(first, field)}</td>`)}
            ${numberCell(String(first.trial), first.trial)}
            ${numberCell(String(first.epochs), first.epochs)}
            ${spreadCell(first.accuracy)}
            ${numberCell(lossText(first), first.loss.mean)}
          </tr>`,
        ],
  );
  const spent = summary.methods
    .map(({ method, epochs, seconds }) => `${method} ${whole(epochs)} (${whole(Math.round(seconds))} s)`)
    .join(', ');
  return markup`${sectionHeading(
    'found',
    'Found',
    markup`The best trial of each method among those that were trained longest. A method’s name leads to a config with its
      values, ready for <code>modalmix run</code>.`,
  )}
  ${dataTable('The best trial of each method', [...left, ...right], rows)}
  <p class="note">
    Accuracy in percent and loss in nats, on the validation split${config.seeds.length > 1 ? ', mean ± standard deviation over the seeds' : ''}. Every method had the same points, as far
    as it reads their fields, and the same epochs; trained in all, with the time of the training steps: ${spent}.
  </p>`;
}

function bestFile(method: string): string {
  return `../${storePaths.searchBest('', method).split('/').at(-1)!}`;
}

function valueText({ values }: RankedTrial, field: string): string {
  return field in values ? nameOf(values[field]!) : '–';
}

function lossText({ loss }: RankedTrial): string {
  const mean = loss.mean.toFixed(3);
  return loss.std === undefined ? mean : `${mean} ± ${loss.std.toFixed(3)}`;
}

function spaceSection(config: SearchConfig): Html {
  const measure = config.metric === 'validation.loss' ? 'loss' : 'accuracy';
  return markup`${sectionHeading(
    'space',
    'Space',
    markup`Validation ${measure} over the values that were drawn, a point a trial${config.halving === undefined ? '' : '; large ones were trained to the end, small ones for fewer epochs and stand lower for that alone'}.`,
  )}
  <fieldset class="classes">
    <legend>Methods: choose some to pick them out</legend>
    <div class="class-list" data-class-legend></div>
  </fieldset>
  <div class="panels">
    ${Object.keys(config.space).map((field, place) =>
      chartPanel({
        key: `field/${String(place)}`,
        title: belowTraining(field),
        label: `Scatter plot: validation ${measure} against ${belowTraining(field)}, a point a trial. The values follow as a table.`,
        shape: 'square',
      }),
    )}
  </div>`;
}

function trialsSection({ config, trials }: SearchPageInput): Html {
  const fields = Object.keys(config.space);
  const rows = trials.map(({ method, trial, epochs, values, score, trainings }) => {
    const reasons = trainings.flatMap(({ state, reason }) =>
      state === 'done' ? [] : [reason ?? 'not trained yet'],
    );
    return markup`<tr>
      <th scope="row">${method}</th>
      ${numberCell(String(trial), trial)}
      ${numberCell(String(epochs), epochs)}
      ${numberCell(score === undefined ? '–' : (100 * score.accuracy).toFixed(1), score?.accuracy)}
      ${numberCell(score === undefined ? '–' : score.loss.toFixed(3), score?.loss)}
      ${fields.map((field) => markup`<td>${field in values ? nameOf(values[field]!) : '–'}</td>`)}
      <td class="prose">${reasons[0] ?? ''}</td>
    </tr>`;
  });
  return markup`${sectionHeading('trials', 'Trials', markup`Every trial on every rung. A heading sorts its column.`)}
  ${sortableTable(
    'Trials',
    [
      { name: 'Method', kind: 'text' },
      ...['Trial', 'Epochs', 'Accuracy', 'Loss'].map((name) => ({ name, kind: 'number' as const })),
      ...[...fields.map(belowTraining), 'Why it is not done'].map((name) => ({
        name,
        kind: 'text' as const,
      })),
    ],
    rows,
  )}`;
}

function provenanceSection(
  { searchId, dataset }: SearchSummary,
  { codeVersion, engine, machine, command }: Provenance,
): Html {
  return markup`${sectionHeading(
    'provenance',
    'Provenance',
    markup`Every figure above follows from the files below, all in the store; the table has a row for each training, with
      the training’s id.`,
  )}
  <h3>Make it again</h3>
  <pre class="command" tabindex="0"><code>${command}</code></pre>
  ${factList(
    [
      ['Search', storePaths.searchConfig(searchId)],
      ['Trainings, CSV', storePaths.searchCsv(searchId)],
      ['Summary', storePaths.searchSummary(searchId)],
      [`Dataset ${dataset.name}`, dataset.version],
      ['Code', codeVersion],
      ['Engine', engine],
      ['Machine', machine],
    ],
    'long',
  )}`;
}
