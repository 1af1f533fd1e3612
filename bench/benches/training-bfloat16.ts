/** `training.ts` with bfloat16, against PyTorch's autocast. */
import { trainingBench } from './training.ts';

/** Without bfloat16 instructions the peer's step can take a minute. */
export const bench = trainingBench({ batchSize: 8, steps: 6, peerSteps: 1, precision: 'bfloat16' });
