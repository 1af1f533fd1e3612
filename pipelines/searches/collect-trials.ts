/** What is in the store of a search's trainings. */
import type { RunConfig } from '../../schemas/config/config.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import {
  rungTrialsSchema,
  trialFailureSchema,
  type RungTrials,
  type SearchConfig,
} from '../../schemas/config/search.ts';
import type { DatasetReference } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import {
  epochMetricsSchema,
  trainingResultSchema,
  type TrainingResult,
  type TrainingSpec,
} from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';
import { findStored, getStored, getStoredLines } from '../store/stored-json.ts';
import { trainingSpecs } from '../training/training-spec.ts';
import type { Point } from './draw-points.ts';
import { trialRun, trialsOf } from './trial-config.ts';
import type { TrialScore } from './halving.ts';

export interface CollectedTraining {
  readonly seed: number;
  readonly trainingId: string;
  readonly state: 'done' | 'failed' | 'missing';
  /** Why it failed. */
  readonly reason?: string;
  readonly outcome?: TrainingOutcome;
}

export interface TrainingOutcome {
  /** Of the fused model on the validation split, by the weights that would be judged: a share, and nats a clip. */
  readonly accuracy: number;
  readonly loss: number;
  /** That it was trained for: fewer than asked where it stopped early. */
  readonly epochs: number;
  /** Wall time of the training steps. */
  readonly seconds: number;
  readonly environment: TrainingResult['environment'];
}

export interface CollectedTrial extends TrialScore {
  readonly method: MethodName;
  /** From 0. */
  readonly rung: number;
  readonly epochs: number;
  readonly values: Point;
  readonly runId: string;
  readonly trainings: readonly CollectedTraining[];
}

/** @throws ModalmixError `input` when the rung was not planned */
export async function readRung(store: Store, searchId: string, rung: number): Promise<RungTrials> {
  return await getStored(store, storePaths.searchRung(searchId, rung), rungTrialsSchema);
}

/** Every trial of a rung, as far as it is done. */
export async function collectRung(input: {
  readonly store: Store;
  readonly searchId: string;
  readonly config: SearchConfig;
  readonly dataset: DatasetReference;
  readonly rung: number;
  readonly epochs: number;
}): Promise<CollectedTrial[]> {
  const { store, searchId, config, dataset, rung, epochs } = input;
  const collected: CollectedTrial[] = [];
  for (const { method, trials } of await readRung(store, searchId, rung)) {
    const points = new Map(trialsOf(config, method).map(({ trial, values }) => [trial, values]));
    for (const { trial, runId } of trials) {
      const values = points.get(trial)!;
      const run = trialRun(config, method, values, rungEpochs(config, epochs));
      const trainings: CollectedTraining[] = [];
      for (const spec of trainingSpecs(run, dataset)) {
        trainings.push(await collectTraining(store, searchId, runId, spec, run));
      }
      const score = scoreOf(trainings);
      collected.push({
        ...{ method, rung, values, runId, trainings, trial },
        epochs: run.training.epochs,
        ...(score === undefined ? {} : { score }),
      });
    }
  }
  return collected;
}

/** What a trial's config is told of its length: nothing where all trials have the base's, or their own. */
export function rungEpochs({ halving }: SearchConfig, epochs: number): number | undefined {
  return halving === undefined ? undefined : epochs;
}

function scoreOf(trainings: readonly CollectedTraining[]): TrialScore['score'] {
  const outcomes = trainings.flatMap(({ outcome }) => outcome ?? []);
  if (outcomes.length < trainings.length || outcomes.length === 0) return undefined;
  const mean = (pick: (outcome: TrainingOutcome) => number) =>
    outcomes.reduce((sum, outcome) => sum + pick(outcome), 0) / outcomes.length;
  return { accuracy: mean(({ accuracy }) => accuracy), loss: mean(({ loss }) => loss) };
}

async function collectTraining(
  store: Store,
  searchId: string,
  runId: string,
  { trainingId, method, seed }: TrainingSpec,
  run: RunConfig,
): Promise<CollectedTraining> {
  const result = await findStored(store, storePaths.trainingResult(trainingId), trainingResultSchema);
  if (result !== undefined) {
    const metrics = await getStoredLines(store, storePaths.metrics(trainingId), epochMetricsSchema);
    const epoch = run.evaluation.weights === 'best' ? result.best.epoch : result.epochs;
    const { validation } = metrics[epoch - 1] ?? {};
    if (validation === undefined) {
      return { seed, trainingId, state: 'failed', reason: 'it was not judged on a validation split' };
    }
    const outcome: TrainingOutcome = {
      accuracy: validation.fused,
      loss: validation.loss,
      epochs: result.epochs,
      seconds: metrics.reduce((sum, { seconds }) => sum + seconds, 0),
      environment: result.environment,
    };
    return { seed, trainingId, state: 'done', outcome };
  }
  const path = storePaths.searchFailure(searchId, runId, method, seed);
  const failure = await findStored(store, path, trialFailureSchema, 'remake');
  if (failure === undefined) return { seed, trainingId, state: 'missing' };
  return { seed, trainingId, state: 'failed', reason: failure.reason };
}
