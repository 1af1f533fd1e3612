/**
 * Brings a training's run on an MLflow server to where the store is. It keeps no state: what the server has is asked for each
 * time, so that it can be killed anywhere and called again, by whichever worker.
 */
import { stat } from 'node:fs/promises';
import { ModalmixError } from '../../../schemas/errors.ts';
import { entriesOf } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import {
  epochMetricsSchema,
  evaluationResultSchema,
  type EpochMetrics,
  type EvaluationResult,
  type TrainingSpec,
} from '../../../schemas/training.ts';
import type { Store } from '../../store/store.ts';
import { findStored, parseStored } from '../../store/stored-json.ts';
import { scalarsOf } from '../../training/scalars.ts';
import { MlflowClient, mlflowHeaders, type Metric, type MlflowRun } from './client.ts';
import { parametersOf } from './parameters.ts';
import { uploadFile } from './upload-file.ts';

/** MLflow's words. */
export type TrackedState = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface SyncTrainingInput {
  readonly store: Store;
  /** Whose report is sent with it, where it is written. */
  readonly runId: string;
  readonly spec: TrainingSpec;
  readonly uri: string;
  readonly experiment: string;
  /** `RUNNING`: its files are not sent yet. */
  readonly state: TrackedState;
  /** Of `RUNNING`: it has just begun, or goes on after it had ended. */
  readonly begins?: boolean;
  readonly signal?: AbortSignal;
}

/** By which a training's run is found. */
export const TRAINING_TAG = 'modalmix.trainingId';
const METRICS_AT_ONCE = 1_000;
const PARAMETERS_AT_ONCE = 100;

/**
 * Parameters and metrics that the server lacks, then the files, then the state.
 *
 * @returns what could not be done, and trying again will not help
 * @throws ModalmixError `transient` when the server is away; `config` when it refuses
 */
export async function syncTraining(input: SyncTrainingInput): Promise<{ readonly notes: readonly string[] }> {
  return await oneAtATime(`${input.uri} ${input.spec.trainingId}`, async () => await sync(input));
}

async function sync(input: SyncTrainingInput): Promise<{ readonly notes: readonly string[] }> {
  const { store, spec, state, signal } = input;
  const client = new MlflowClient(input.uri, signal);
  const run = await findRun(client, input);
  const runId = run.info.run_id;
  // One that has ended stays as it is, however often it is asked for again.
  const hasEnded = await store.exists(storePaths.trainingResult(spec.trainingId));
  if (input.begins === true && !hasEnded && run.info.status !== state) await client.updateRun(runId, state);

  const known = new Set(run.data.params.map(({ key }) => key));
  const params = [...parametersOf(spec)].filter(([key]) => !known.has(key));
  for (const some of pieces(params, PARAMETERS_AT_ONCE)) await client.logBatch(runId, { params: some });

  const lastSteps = new Map(run.data.metrics.map(({ key, step }) => [key, step]));
  const sendMetrics = async () => {
    const metrics = (await metricsOf(store, spec, run.info.start_time)).filter(
      ({ key, step }) => step > (lastSteps.get(key) ?? -Infinity),
    );
    for (const some of pieces(metrics, METRICS_AT_ONCE)) await client.logBatch(runId, { metrics: some });
    for (const { key, step } of metrics) lastSteps.set(key, step);
  };
  await sendMetrics();
  if (state === 'RUNNING') return { notes: [] };

  const notes = await sendFiles(client, run, input);
  // It may have been evaluated while its files were sent.
  await sendMetrics();
  if (run.info.status !== state) await client.updateRun(runId, state, Date.now());
  return { notes };
}

/**
 * The training's run, made where there is none. Making one twice makes two, so two workers may: both then take the one whose id
 * comes first, now or when they come next, and the other is deleted.
 */
async function findRun(client: MlflowClient, input: SyncTrainingInput): Promise<MlflowRun> {
  const { trainingId, dataset, method, seed } = input.spec;
  const experimentId = await client.experimentId(input.experiment);
  const find = async () => {
    const found = await client.runsByTag(experimentId, TRAINING_TAG, trainingId);
    return found.sort((a, b) => (a.info.run_id < b.info.run_id ? -1 : 1));
  };
  let found = await find();
  if (found.length === 0) {
    const tags = {
      [TRAINING_TAG]: trainingId,
      'modalmix.runId': input.runId,
      'modalmix.dataset': `${dataset.name} ${dataset.version}`,
      'modalmix.method': method,
      'modalmix.seed': String(seed),
    };
    await client.createRun({ experimentId, name: trainingId, startedMs: await begunMs(input), tags });
    found = await find();
  }
  const [first, ...doubles] = found;
  if (first === undefined) {
    throw new ModalmixError('transient', 'a run that was just made is not found there', { where: input.uri });
  }
  for (const { info } of doubles) await client.deleteRun(info.run_id);
  return first;
}

async function begunMs({ store, spec }: SyncTrainingInput): Promise<number> {
  return (await store.writtenAt(storePaths.runConfig(spec.trainingId)))?.getTime() ?? Date.now();
}

/**
 * Of every epoch and of the evaluation. An epoch's time follows from the run's start and the epochs' lengths: the same point is
 * the same each time, and servers keep it once.
 */
async function metricsOf(store: Store, spec: TrainingSpec, startedMs: number): Promise<Metric[]> {
  let atMs = startedMs;
  const epochs = await readMetrics(store, spec.trainingId);
  const metrics = epochs.flatMap((epoch) => {
    atMs += Math.round(1_000 * epoch.seconds);
    const values: [string, number][] = [
      ...scalarsOf(epoch),
      ['seconds', epoch.seconds],
      ['clipsPerS', epoch.clipsPerS],
    ];
    return values.map(([key, value]) => ({ key, value, timestamp: atMs, step: epoch.epoch }));
  });
  const path = storePaths.evaluation(spec.trainingId);
  const evaluation = await findStored(store, path, evaluationResultSchema, 'remake');
  if (evaluation === undefined) return metrics;
  const judged = scoresOf(evaluation);
  return [
    ...metrics,
    ...judged.map(([key, value]) => ({ key, value, timestamp: atMs, step: evaluation.epoch })),
  ];
}

/** A line that is being written is not there yet. */
async function readMetrics(store: Store, trainingId: string): Promise<EpochMetrics[]> {
  const path = storePaths.metrics(trainingId);
  const text = (await store.find(path))?.toString('utf8') ?? '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseStored(Buffer.from(line), epochMetricsSchema, `${store.uri}/${path}`, 'remake'));
}

function scoresOf({ fused, branches }: EvaluationResult): [string, number][] {
  return [
    ['evaluation/accuracy', fused.accuracy],
    ['evaluation/macroF1', fused.macroF1],
    ['evaluation/meanAveragePrecision', fused.meanAveragePrecision],
    ['evaluation/expectedCalibrationError', fused.expectedCalibrationError],
    ...entriesOf(branches).map(([modality, scores]): [string, number] => [
      `evaluation/accuracy-${modality}`,
      scores.accuracy,
    ]),
  ];
}

/** Those that are there already by name and size are not sent again. */
async function sendFiles(
  client: MlflowClient,
  run: MlflowRun,
  { store, spec, runId, uri, signal }: SyncTrainingInput,
): Promise<string[]> {
  const { trainingId } = spec;
  const files = [
    ['config', 'config.json', storePaths.runConfig(trainingId)],
    ['model', 'model.safetensors', storePaths.model(trainingId)],
    ['report', 'index.html', storePaths.report(runId)],
  ] as const;
  for (const [folder, name, path] of files) {
    if (!(await store.exists(path))) continue;
    const address = client.artefactAddress(run, `${folder}/${name}`);
    if (address === undefined) {
      return [
        `${uri} leaves artefacts to ${run.info.artifact_uri.split(':')[0] ?? ''}: storage, which is not written to. Start it with --serve-artifacts and an experiment of its own.`,
      ];
    }
    const file = await store.localFile(path);
    const there = (await client.artefacts(run.info.run_id, folder)).get(`${folder}/${name}`);
    if (there === (await stat(file)).size) continue;
    await uploadFile(address, file, mlflowHeaders(), signal);
  }
  return [];
}

function pieces<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.slice(at * size, (at + 1) * size),
  );
}

const under = new Map<string, Promise<unknown>>();

/** What follows a training and what completes it may meet in one worker. */
async function oneAtATime<T>(key: string, work: () => Promise<T>): Promise<T> {
  const mine = (under.get(key) ?? Promise.resolve()).catch(() => undefined).then(work);
  under.set(key, mine);
  try {
    return await mine;
  } finally {
    if (under.get(key) === mine) under.delete(key);
  }
}
