/** Entry of the training's child process (see `run-training.ts`). */
import { z } from 'zod';
import { trainingSpecSchema, type EpochMetrics } from '../../schemas/training.ts';
import { serveParent } from '../process/child-process.ts';
import { openStore } from '../store/open-store.ts';
import type { EpochReport } from './train-input.ts';

const inputSchema = z.strictObject({ storeUri: z.string(), spec: trainingSpecSchema });

serveParent(async (input, { report, stopRequested }) => {
  const { storeUri, spec } = inputSchema.parse(input);
  // Loads TensorFlow: an engine that cannot be had is an answer to the parent like any other.
  const { trainModel } = await import('./train-model.ts');
  const onEpoch = (epochMetrics: EpochMetrics) => {
    report({ epochMetrics } satisfies EpochReport);
  };
  return await trainModel({ store: openStore(storeUri), spec, report, onEpoch, stopRequested });
});
