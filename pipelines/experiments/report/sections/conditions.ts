import type { TrainingData } from '../../../../schemas/config/training-config.ts';
import { headName } from '../../../evaluation/report/head-names.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import type { ExperimentPageInput } from '../page-input.ts';
import { heatTable, mean } from './parts.ts';

/** Accuracy on the same test clips after training on worse data. */
export function conditionsSection({ config, summary, groups }: ExperimentPageInput): Html {
  const names = config.conditions.map(({ name }) => name);
  const series = [...new Set(groups.map(({ dataset, fusion }) => `${dataset}, ${fusion}`))];
  const first = summary.rows;
  return markup`${sectionHeading(
    'conditions',
    'Training conditions',
    markup`Accuracy of the fused model in percent on the untouched test split, mean over the seeds, when the training
      split is changed. The stronger the ground, the more of the first column is lost; the best of a column is bold.`,
  )}
  ${series.map((one) =>
    heatTable(
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
    ),
  )}
  <ul class="note">
    ${config.conditions.map(({ name, data }) => markup`<li><strong>${name}</strong>: ${data === undefined ? 'the training split as the base has it' : describeData(data)}</li>`)}
  </ul>`;
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
