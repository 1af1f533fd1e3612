/** Entry of the evaluation's child process (see `run-evaluation.ts`). */
import { z } from 'zod';
import { trainingSpecSchema } from '../../schemas/training.ts';
import { serveParent } from '../process/child-process.ts';
import { openStore } from '../store/open-store.ts';
import { evaluateModel } from './evaluate-model.ts';

const inputSchema = z.strictObject({ storeUri: z.string(), spec: trainingSpecSchema });

serveParent(async (input, { report, stopRequested }) => {
  const { storeUri, spec } = inputSchema.parse(input);
  return await evaluateModel({ store: openStore(storeUri), spec, report, stopRequested });
});
