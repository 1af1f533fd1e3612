import { runEvaluation } from '../pipelines/evaluation/run-evaluation.ts';
import { progressKeys, type EvaluateModelInput, type EvaluateModelOutput } from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';
import { trainingOf } from './training-of.ts';

/** Judges one trained model on the test split. */
export async function evaluate(services: Services, input: EvaluateModelInput): Promise<EvaluateModelOutput> {
  return await runStage(progressKeys.evaluate, async ({ signal, onProgress }) => {
    const spec = await trainingOf(services, input);
    const { storeUri } = input;
    const result = await services.places.use(
      async (place) => await runEvaluation({ storeUri, spec, signal, onProgress, place }),
    );
    return { trainingId: result.trainingId, accuracy: result.fused.accuracy, samples: result.fused.samples };
  });
}
