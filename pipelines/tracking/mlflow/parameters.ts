/** What a training depends on, as MLflow's parameters. Pure. */
import { isRecord } from '../../../schemas/is-record.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';

/** MLflow's own limits, of the oldest servers that there still are. */
const LONGEST_KEY = 250;
const LONGEST_VALUE = 500;

/** By dotted name, `training.optimizer.learningRate`; lists and long values as JSON, cut. */
export function parametersOf(spec: TrainingSpec): Map<string, string> {
  const { formatVersion: _, trainingId, dataset, training, method, seed, modalities, ...rest } = spec;
  const { methods: _methods, seeds: _seeds, ...settings } = training;
  const found = new Map<string, string>();
  const add = (key: string, value: unknown) => {
    if (isRecord(value)) {
      for (const [name, inner] of Object.entries(value)) add(key === '' ? name : `${key}.${name}`, inner);
    } else if (value !== undefined) {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      found.set(key.replaceAll(/[^\w\-. :/]/gu, '_').slice(0, LONGEST_KEY), text.slice(0, LONGEST_VALUE));
    }
  };
  add('', { trainingId, method, seed, modalities, dataset, training: settings, ...rest });
  return found;
}
