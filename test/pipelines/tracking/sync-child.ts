/** A worker's process that sends a training, for `mlflow.test.ts`. */
import { openStore } from '../../../pipelines/store/open-store.ts';
import { syncTraining } from '../../../pipelines/tracking/mlflow/sync-training.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';

interface Input {
  readonly storeUri: string;
  readonly spec: TrainingSpec;
  readonly uri: string;
  readonly experiment: string;
}

process.once('message', (input: Input) => {
  const { storeUri, ...rest } = input;
  const whole = { ...rest, store: openStore(storeUri), runId: 'r' };
  const sync = async () => await syncTraining({ ...whole, state: 'FINISHED' });
  // Whoever comes second may find its run taken away: the next try goes on in the other's.
  void sync()
    .catch(sync)
    .finally(() => process.exit());
});
