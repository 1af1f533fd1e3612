/** A search's summary: the best trials of each method, what they cost, what failed. Pure. */
import type { RankedTrial, SearchConfig, SearchSummary } from '../../schemas/config/search.ts';
import type { DatasetReference } from '../../schemas/manifest.ts';
import { spreadOf } from '../evaluation/report/summarise.ts';
import type { CollectedTrial } from './collect-trials.ts';
import { rankTrials, type Rung } from './halving.ts';
import { trialsOf } from './trial-config.ts';

/** Of each method, in the summary. */
const MOST_RANKED = 10;

export function summariseSearch(input: {
  readonly searchId: string;
  readonly config: SearchConfig;
  readonly dataset: DatasetReference;
  readonly validationClips: number;
  readonly rungs: readonly Rung[];
  /** Of all rungs. */
  readonly trials: readonly CollectedTrial[];
}): SearchSummary {
  const { searchId, config, dataset, validationClips, rungs, trials } = input;
  return {
    formatVersion: 1,
    searchId,
    name: config.name,
    metric: config.metric,
    dataset: { name: dataset.name, version: dataset.version },
    validationClips,
    rungs: rungs.map(({ epochs, trials: count }) => ({ epochs, trials: count })),
    methods: config.methods.map((method) => {
      const own = trials.filter((one) => one.method === method);
      const outcomes = own.flatMap(({ trainings }) => trainings.flatMap(({ outcome }) => outcome ?? []));
      const failed = own.filter(({ trainings }) => trainings.some(({ state }) => state === 'failed'));
      return {
        method,
        trials: trialsOf(config, method).length,
        failed: new Set(failed.map(({ trial }) => trial)).size,
        epochs: outcomes.reduce((sum, { epochs }) => sum + epochs, 0),
        seconds: outcomes.reduce((sum, { seconds }) => sum + seconds, 0),
        best: bestOf(own, config).slice(0, MOST_RANKED).map(rankedTrial),
      };
    }),
    failures: trials.flatMap(({ method, trial, epochs, trainings }) =>
      trainings.flatMap(({ seed, state, reason }) =>
        state === 'done' ? [] : [{ method, trial, epochs, seed, reason: reason ?? 'not trained yet' }],
      ),
    ),
  };
}

/** From the best: those of the last rung, or of the longest one in which a trial is done. */
export function bestOf(trials: readonly CollectedTrial[], config: SearchConfig): CollectedTrial[] {
  const last = Math.max(...trials.filter(({ score }) => score !== undefined).map(({ rung }) => rung));
  return rankTrials(
    trials.filter(({ rung }) => rung === last),
    config.metric,
  );
}

function rankedTrial({ trial, values, epochs, trainings }: CollectedTrial): RankedTrial {
  const outcomes = trainings.flatMap(({ outcome }) => outcome ?? []);
  return {
    trial,
    epochs,
    values: { ...values },
    accuracy: spreadOf(outcomes.map(({ accuracy }) => accuracy)),
    loss: spreadOf(outcomes.map(({ loss }) => loss)),
  };
}
