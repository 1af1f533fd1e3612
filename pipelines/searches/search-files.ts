/** A search's result as files for people and scripts: a table of all trainings, and the config that was found. Pure. */
import { stringify } from 'yaml';
import type { SearchConfig } from '../../schemas/config/search.ts';
import { csvField } from '../experiments/result-rows.ts';
import { rungEpochs, type CollectedTrial } from './collect-trials.ts';
import { trialConfig } from './trial-config.ts';
import { pluginSchema } from '../../schemas/config/plugins.ts';

const COLUMNS = [
  'method',
  'trial',
  'epochs',
  'seed',
  'training_id',
  'state',
  'validation_accuracy',
  'validation_loss',
  'seconds',
  'reason',
] as const;

/**
 * RFC 4180, with a header: a row a training, then a column for each field of the space. Empty: the method does not read
 * the field; lists and groups as JSON.
 */
export function searchCsv({ space }: SearchConfig, trials: readonly CollectedTrial[]): string {
  const fields = Object.keys(space);
  const rows = trials.flatMap(({ method, trial, epochs, values, trainings }) =>
    trainings.map(({ seed, trainingId, state, reason = '', outcome }) => [
      ...[method, trial, epochs, seed, trainingId, state],
      ...[outcome?.accuracy ?? null, outcome?.loss ?? null, outcome?.seconds ?? null, reason],
      ...fields.map((field) => {
        const value = field in values ? values[field]! : '';
        return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
      }),
    ]),
  );
  const lines = [[...COLUMNS, ...fields], ...rows].map((row) => row.map(csvField).join(','));
  return [...lines, ''].join('\r\n');
}

/** A run's config with a trial's values filled in, and in comments what it is. */
export function bestYaml(config: SearchConfig, searchId: string, best: CollectedTrial): string {
  const { method, trial, epochs, values, score } = best;
  const found = asWritten(trialConfig(config, method, values, rungEpochs(config, epochs)));
  const accuracy = `${(100 * score!.accuracy).toFixed(1)} %`;
  const lines = [
    `Found by the search ${searchId}: trial ${String(trial)} of ${method}, ${String(epochs)} epochs.`,
    `Validation accuracy ${accuracy}, loss ${score!.loss.toFixed(4)}: of the best of several trials, so rather too good.`,
    'Searched:',
    ...Object.entries(values).map(([field, value]) => `  ${field}: ${JSON.stringify(value)}`),
    'watchTest false is how the search trained: "modalmix run" with this file uses that training, and judges it on the',
    'test split. Without it the same model is trained anew, and its report has the curve of the test split.',
  ];
  return `${lines.map((line) => `# ${line}\n`).join('')}${stringify(found)}`;
}

/** Of plug-ins what a person would write, and the hash, so that it is the training that was found. */
function asWritten(run: ReturnType<typeof trialConfig>): object {
  if (!Array.isArray(run['plugins'])) return run;
  const plugins = run['plugins'].map((one) => {
    const { file, settings, sha256 } = pluginSchema.parse(one);
    return { file, ...(Object.keys(settings).length === 0 ? {} : { settings }), sha256 };
  });
  return { ...run, plugins };
}
