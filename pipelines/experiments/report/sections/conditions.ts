import type { TrainingData } from '../../../../schemas/config/training-config.ts';
import { headName } from '../../../evaluation/report/head-names.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { chartPanel, sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import type { ExperimentData } from '../experiment-data.ts';
import type { ExperimentPageInput } from '../page-input.ts';
import { heatTable, mean } from './parts.ts';

/** Accuracy after training on worse data, and on data whose modalities are disturbed. */
export function conditionsSection(
  { config, summary, groups }: ExperimentPageInput,
  data: ExperimentData,
): Html {
  const names = config.conditions.map(({ name }) => name);
  const series = [...new Set(groups.map(({ dataset, fusion }) => `${dataset}, ${fusion}`))];
  const first = summary.rows;
  return markup`${sectionHeading(
    'conditions',
    'Conditions',
    markup`Accuracy of the fused model in percent, mean over folds and seeds. What is done to the training split leaves
      the test split alone; a disturbance of the extraction is in every clip of every split. The stronger the ground, the more of the first column is lost; the best of a column is bold.`,
  )}
  ${(data.curves?.charts ?? []).map(({ title, methods }, at) =>
    chartPanel({
      key: `conditions/${String(at)}`,
      title: `Accuracy by condition, ${title}`,
      label: `Lines of the test accuracy over the conditions, one a method: ${methods.map(({ method }) => method).join(', ')}. The values follow as a table.`,
    }),
  )}
  ${series.map(
    (one) =>
      markup`<div class="below">${heatTable(
        one,
        'Method',
        names,
        config.methods.flatMap((method) => {
          const own = first.filter((row) => row.method === method && `${row.dataset}, ${row.fusion}` === one);
          if (own.length === 0) return [];
          const values = names.map((name) =>
            mean(own.filter(({ condition }) => condition === name).map(({ accuracy }) => accuracy.mean)),
          );
          return [{ name: method, values }];
        }),
      )}</div>`,
  )}
  <ul class="note">
    ${config.conditions.map((condition) => markup`<li><strong>${condition.name}</strong>: ${describeCondition(condition)}</li>`)}
  </ul>`;
}

function describeCondition({
  data,
  extraction,
}: ExperimentPageInput['config']['conditions'][number]): string {
  const { audio, rgb } = extraction?.disturb ?? {};
  const parts = [
    audio === undefined ? undefined : `white noise ${decibels(audio.snrDb)} in every clip’s sound`,
    rgb === undefined ? undefined : `Gaussian noise of deviation ${String(rgb.deviation)} in every picture`,
    data === undefined ? undefined : describeData(data),
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'as the base has it' : parts.join(', ');
}

/** Of the noise against the sound. */
function decibels(snr: number): string {
  return snr < 0 ? `${String(-snr)} dB above` : `${String(snr)} dB below`;
}

export function describeData({ keepShare, longTailFactor, labelNoise, missing = {} }: TrainingData): string {
  const percent = (share: number) => `${String(Math.round(1000 * share) / 10)} %`;
  return [
    longTailFactor === undefined
      ? undefined
      : `classes fall off by a factor of ${String(longTailFactor)} from the first to the last`,
    keepShare === undefined ? undefined : `${percent(keepShare)} of each class’s clips are kept`,
    labelNoise === undefined ? undefined : `${percent(labelNoise)} of the clips have a wrong label`,
    ...(Object.entries(missing) as [Modality, number][]).map(
      ([modality, share]) => `${percent(share)} of the clips lose ${headName(modality).toLowerCase()}`,
    ),
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}
