import { runTraining } from '../pipelines/training/run-training.ts';
import { progressKeys, type TrainModelInput, type TrainModelOutput } from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';
import { trainingGauges } from './training-gauges.ts';
import type { Services } from './services.ts';
import { trainingOf } from './training-of.ts';

/** Trains one model, from its last checkpoint where there is one. */
export async function train(services: Services, input: TrainModelInput): Promise<TrainModelOutput> {
  return await runStage(progressKeys.train, async ({ signal, onProgress }) => {
    const spec = await trainingOf(services, input);
    const gauges = trainingGauges(input.runId, spec.method);
    const result = await services.places
      .use(
        async (place) =>
          await runTraining({
            ...{ storeUri: input.storeUri, spec, signal, place },
            onProgress: (progress) => {
              gauges.step(progress);
              onProgress(progress);
            },
            onEpoch: gauges.epoch,
          }),
      )
      .finally(gauges.end);
    return {
      trainingId: result.trainingId,
      steps: result.steps,
      epochs: result.epochs,
      weightsSha256: result.model.sha256,
    };
  });
}
