/** `training.ts` with bfloat16, against PyTorch's autocast. */
import { trainingBench } from './training.ts';

export const bench = trainingBench({ batchSize: 8, steps: 6, precision: 'bfloat16' });
