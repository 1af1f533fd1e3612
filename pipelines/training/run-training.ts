/** Trains in a child process, so that the caller's thread stays free. */
import { engineOfEnvironment } from '../../schemas/config/asked-engine.ts';
import { storePaths } from '../../schemas/names.ts';
import { trainingResultSchema, type EpochMetrics, type TrainingResult } from '../../schemas/training.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import { openStore } from '../store/open-store.ts';
import { runTensorflowStage, type TensorflowStageOptions } from '../engine/tensorflow-child.ts';
import { findStored } from '../store/stored-json.ts';
import type { EpochReport } from './train-input.ts';

export interface RunTrainingOptions extends TensorflowStageOptions {
  /** Called after every epoch that is trained now. */
  readonly onEpoch?: (metrics: EpochMetrics) => void;
}

/**
 * A stop comes at the next step, after a checkpoint.
 *
 * @throws ModalmixError whatever `trainModel` throws; `transient` when the child died
 */
export async function runTraining(options: RunTrainingOptions): Promise<TrainingResult> {
  // Reading a file is quicker than starting a process that finds it.
  const path = storePaths.trainingResult(options.spec.trainingId);
  const finished = await findStored(openStore(options.storeUri), path, trainingResultSchema, 'remake');
  if (finished !== undefined) return finished;
  const engine = options.spec.training.engine ?? engineOfEnvironment(process.env);
  const onProgress = (progress: ActivityProgress | EpochReport) => {
    if ('epochMetrics' in progress) options.onEpoch?.(progress.epochMetrics);
    else options.onProgress?.(progress);
  };
  const child = new URL('./trainer-child.ts', import.meta.url);
  const output = await runTensorflowStage(child, { ...options, onProgress }, engine);
  return trainingResultSchema.parse(output);
}
