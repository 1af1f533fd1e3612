/** `training.ts` with a batch of 32. */
import { trainingBench } from './training.ts';

export const bench = trainingBench(32, 3);
