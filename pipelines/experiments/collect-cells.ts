/** Every cell of an experiment's matrix with what is in the store of it. */
import { tableFromIPC } from 'apache-arrow';
import { z } from 'zod';
import type { RunConfig } from '../../schemas/config/config.ts';
import { failureSchema, type CellState, type ExperimentConfig } from '../../schemas/config/experiment.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetReference } from '../../schemas/manifest.ts';
import type { FusionName, MethodName } from '../../schemas/config/methods.ts';
import { storePaths } from '../../schemas/names.ts';
import {
  epochMetricsSchema,
  trainingResultSchema,
  type EvaluationResult,
  type TrainingResult,
  type TrainingSpec,
} from '../../schemas/training.ts';
import { findEvaluation } from '../evaluation/find-evaluation.ts';
import type { Store } from '../store/store.ts';
import { findStored, getStored, getStoredLines } from '../store/stored-json.ts';
import { trainingSpecs } from '../training/training-spec.ts';
import { buildsOf, groupsOf, type CellGroup } from './matrix.ts';
import { readTestGroups } from './read-groups.ts';

export interface Cell {
  readonly runId: string;
  readonly dataset: string;
  readonly fold?: string;
  readonly condition: string;
  readonly fusion: FusionName;
  readonly method: MethodName;
  readonly seed: number;
  readonly state: CellState;
  /** Why it is not done. */
  readonly reason?: string;
  readonly spec?: TrainingSpec;
  /** Of cells that are done. */
  readonly outcome?: CellOutcome;
}

export interface CellOutcome {
  readonly evaluation: EvaluationResult;
  readonly result: TrainingResult;
  /** Wall time of the training steps. */
  readonly seconds: number;
  /** By clip id: whether the fused model named the right class. */
  readonly hits: ReadonlyMap<string, boolean>;
  /** By clip id: the speaker, source, … that a test clip is of; absent: the data name none. */
  readonly groups: ReadonlyMap<string, string>;
}

export interface CollectedGroup extends Omit<CellGroup, 'config'> {
  readonly config: RunConfig;
  /** Absent: its dataset could not be built. */
  readonly reference: DatasetReference | undefined;
  readonly cells: readonly Cell[];
}

/** @param datasets in the order of the matrix's builds; null: could not be built */
export async function collectCells(
  store: Store,
  experimentId: string,
  config: ExperimentConfig,
  datasets: readonly (DatasetReference | null)[],
): Promise<CollectedGroup[]> {
  const groups = groupsOf(config);
  const { builds, buildOf } = buildsOf(groups);
  const collected: CollectedGroup[] = [];
  const testGroups = new Map<string, Promise<ReadonlyMap<string, string>>>();
  const findGroups = async (dataset: DatasetReference) => {
    const key = `${dataset.name}/${dataset.version}`;
    const known = testGroups.get(key) ?? readTestGroups(store, dataset);
    testGroups.set(key, known);
    return await known;
  };
  for (const group of groups) {
    const reference = datasets[buildOf(group)] ?? undefined;
    const specs = reference === undefined ? [] : trainingSpecs(group.config, reference);
    const builder = builds[buildOf(group)]!.runId;
    const unbuilt = reference === undefined ? await findReason(store, experimentId, builder) : undefined;
    const cells: Cell[] = [];
    for (const method of config.methods) {
      for (const seed of config.seeds) {
        const { runId, dataset, fold, condition, fusion } = group;
        const source = fold === undefined ? { dataset } : { dataset, fold };
        const place = { runId, ...source, condition, fusion, method, seed };
        const unfit = group.unfit.find((one) => one.method === method);
        const spec = specs.find((one) => one.method === method && one.seed === seed);
        if (unfit !== undefined) cells.push({ ...place, state: 'not applicable', reason: unfit.reason });
        else if (spec === undefined) {
          const reason = `the dataset could not be built: ${unbuilt ?? 'it is not known why'}`;
          cells.push({ ...place, state: 'failed', reason });
        } else
          cells.push({ ...place, spec, ...(await stateOf(store, experimentId, place, spec, findGroups)) });
      }
    }
    collected.push({ ...group, reference, cells });
  }
  return collected;
}

async function stateOf(
  store: Store,
  experimentId: string,
  { runId, method, seed }: Pick<Cell, 'runId' | 'method' | 'seed'>,
  spec: TrainingSpec,
  findGroups: (dataset: DatasetReference) => Promise<ReadonlyMap<string, string>>,
): Promise<Pick<Cell, 'state' | 'reason' | 'outcome'>> {
  const outcome = await findOutcome(store, spec, findGroups);
  if (outcome !== undefined) return { state: 'done', outcome };
  const reason = await findReason(store, experimentId, runId, method, seed);
  return reason === undefined ? { state: 'missing' } : { state: 'failed', reason };
}

async function findOutcome(
  store: Store,
  spec: TrainingSpec,
  findGroups: (dataset: DatasetReference) => Promise<ReadonlyMap<string, string>>,
): Promise<CellOutcome | undefined> {
  const evaluation = await findEvaluation(store, spec);
  if (evaluation === undefined) return undefined;
  const result = await getStored(store, storePaths.trainingResult(spec.trainingId), trainingResultSchema);
  const metrics = await getStoredLines(store, storePaths.metrics(spec.trainingId), epochMetricsSchema);
  return {
    evaluation,
    result,
    seconds: metrics.reduce((sum, { seconds }) => sum + seconds, 0),
    hits: readHits(await store.get(evaluation.features.test), evaluation.features.test),
    groups: await findGroups(spec.dataset),
  };
}

const numbers = z.instanceof(Int32Array);

/** @throws ModalmixError `input` when a column is missing */
export function readHits(bytes: Uint8Array, where: string): Map<string, boolean> {
  const table = tableFromIPC(bytes);
  const columnOf = (name: string) => {
    const column = table.getChild(name);
    if (column !== null) return column;
    throw new ModalmixError('input', `the column "${name}" is missing`, {
      where,
      fix: 'Delete it and evaluate again.',
    });
  };
  const ids = columnOf('clip_id');
  const labels = numbers.parse(columnOf('label').toArray());
  const predicted = numbers.parse(columnOf('predicted').toArray());
  return new Map(Array.from(labels, (label, row) => [String(ids.get(row)), predicted[row] === label]));
}

async function findReason(
  store: Store,
  experimentId: string,
  runId: string,
  method?: MethodName,
  seed?: number,
): Promise<string | undefined> {
  const path = storePaths.experimentFailure(experimentId, runId, method, seed);
  return (await findStored(store, path, failureSchema, 'remake'))?.reason;
}
