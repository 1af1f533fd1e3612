import { runTraining, type RunTrainingOptions } from '../pipelines/training/run-training.ts';
import type { TrainingResult } from '../schemas/training.ts';
import { progressKeys, type TrainModelInput, type TrainModelOutput } from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';
import { trainingGauges } from './training-gauges.ts';
import type { Services } from './services.ts';
import { trainingOf } from './training-of.ts';

/** Trains one model, from its last checkpoint where there is one. */
export async function train(services: Services, input: TrainModelInput): Promise<TrainModelOutput> {
  return await runStage(progressKeys.train, async ({ signal, onProgress }) => {
    const spec = await trainingOf(services, input);
    const result = await trainInPlace(services, input, { spec, signal, onProgress });
    return {
      trainingId: result.trainingId,
      steps: result.steps,
      epochs: result.epochs,
      weightsSha256: result.model.sha256,
    };
  });
}

/** Where the worker has room for it, and shown on the worker's gauges. To be called in an activity. */
export async function trainInPlace(
  services: Services,
  { storeUri, runId }: Pick<TrainModelInput, 'storeUri' | 'runId'>,
  { spec, signal, onProgress }: Required<Pick<RunTrainingOptions, 'spec' | 'signal' | 'onProgress'>>,
): Promise<TrainingResult> {
  const gauges = trainingGauges(runId, spec.method);
  return await services.places
    .use(
      async (place) =>
        await runTraining({
          ...{ storeUri, spec, signal, place },
          onProgress: (progress) => {
            gauges.step(progress);
            onProgress(progress);
          },
          onEpoch: gauges.epoch,
        }),
    )
    .finally(gauges.end);
}
