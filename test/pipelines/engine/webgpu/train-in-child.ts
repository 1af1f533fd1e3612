/** Trains by the engine that the environment names, in a process of its own: one process has one engine. */
import { z } from 'zod';
import { trainingSpecSchema, type TrainingSpec } from '../../../../schemas/training.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { tensorflowFacts, tf } from '../../../../pipelines/engine/tensorflow.ts';
import { trainSteps } from '../../training/tiny-training.ts';

export interface Job {
  readonly storeUri: string;
  readonly spec: TrainingSpec;
  /** Absent: to the end. */
  readonly steps?: number;
}

export interface Outcome {
  readonly device: string;
  /** Tensors that there were after each step, by job. */
  readonly tensors: readonly (readonly number[])[];
}

const jobsSchema = z.array(
  z.object({ storeUri: z.string(), spec: trainingSpecSchema, steps: z.number().optional() }),
);

const tensors: number[][] = [];
for (const { storeUri, spec, steps } of jobsSchema.parse(JSON.parse(process.argv[2] ?? ''))) {
  const counts: number[] = [];
  tensors.push(counts);
  const training = trainSteps(openStore(storeUri), spec, steps, () => {
    counts.push(tf.memory().numTensors);
  });
  await training.catch((error: unknown) => {
    if ((error as { kind?: string }).kind !== 'cancelled') throw error;
  });
}
const { device } = await tensorflowFacts();
process.stdout.write(JSON.stringify({ device, tensors } satisfies Outcome));
