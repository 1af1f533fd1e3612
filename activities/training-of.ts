import { trainingSpecs } from '../pipelines/training/training-spec.ts';
import { ModalmixError } from '../schemas/errors.ts';
import type { TrainingSpec } from '../schemas/training.ts';
import type { TrainingReference } from '../schemas/workflows.ts';
import { readRunConfig } from './run-config.ts';
import type { Services } from './services.ts';

/** The full spec of one training of a run. */
export async function trainingOf(services: Services, input: TrainingReference): Promise<TrainingSpec> {
  const config = await readRunConfig(services.openStore(input.storeUri), input.runId);
  const spec = trainingSpecs(config, input.dataset).find(
    ({ method, seed }) => method === input.method && seed === input.seed,
  );
  if (spec === undefined) {
    throw new ModalmixError('config', `the run trains no ${input.method} with seed ${String(input.seed)}`, {
      where: input.runId,
      fix: 'Add it to training.methods and training.seeds.',
    });
  }
  return spec;
}
