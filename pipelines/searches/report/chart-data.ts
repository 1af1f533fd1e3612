/** The points of a search's charts. Pure. */
import type { Dimension, FieldValue, SearchConfig } from '../../../schemas/config/search.ts';
import type { CollectedTrial } from '../collect-trials.ts';
import type { SearchData, SearchedField, TrialPoint } from './search-data.ts';

/** @param trials of all rungs */
export function chartData(config: SearchConfig, trials: readonly CollectedTrial[]): SearchData {
  const metric = config.metric === 'validation.loss' ? 'loss' : 'accuracy';
  const dimensions = Object.entries(config.space);
  const last = Math.max(...trials.map(({ rung }) => rung));
  return {
    metric,
    methods: config.methods,
    fields: dimensions.map(([name, dimension]) => ({ name: belowTraining(name), ...scaleOf(dimension) })),
    trials: trials.flatMap(({ method, trial, epochs, rung, score, values }): TrialPoint[] =>
      score === undefined
        ? []
        : [
            {
              ...{ trial, epochs, last: rung === last, score: score[metric] },
              method: config.methods.indexOf(method),
              at: dimensions.map(([name, dimension]) =>
                name in values ? placeOf(values[name]!, dimension) : null,
              ),
            },
          ],
    ),
  };
}

function scaleOf({ choice, logUniform }: Dimension): Omit<SearchedField, 'name'> {
  if (choice !== undefined) return { scale: 'named', names: choice.map(nameOf) };
  return { scale: logUniform === undefined ? 'linear' : 'logarithmic', names: [] };
}

function placeOf(value: FieldValue, { choice }: Dimension): number {
  return choice === undefined ? Number(value) : choice.map(nameOf).indexOf(nameOf(value));
}

/** A value as a person reads it. */
export function nameOf(value: FieldValue): string {
  if (value === null) return 'absent';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `optimizer.learningRate`: every field of a space is one of training. */
export function belowTraining(field: string): string {
  return field.replace(/^training\./u, '');
}
