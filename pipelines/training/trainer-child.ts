/** Entry of the training's child process (see `run-training.ts`). */
import { z } from 'zod';
import { trainingSpecSchema } from '../../schemas/training.ts';
import { serveParent } from '../process/child-process.ts';
import { openStore } from '../store/open-store.ts';

const inputSchema = z.strictObject({ storeUri: z.string(), spec: trainingSpecSchema });

serveParent(async (input, { report, stopRequested }) => {
  const { storeUri, spec } = inputSchema.parse(input);
  // Loads TensorFlow: an engine that cannot be had is an answer to the parent like any other.
  const { trainModel } = await import('./train-model.ts');
  return await trainModel({ store: openStore(storeUri), spec, report, stopRequested });
});
