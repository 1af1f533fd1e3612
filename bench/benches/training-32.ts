/** `training.ts` with a batch of 32. */
import { trainingBench } from './training.ts';

export const bench = trainingBench({ batchSize: 32, steps: 3 });
