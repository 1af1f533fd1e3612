/** One training: it stops at a checkpoint when paused or cancelled, and goes on from there. */
import { stageLabel } from '../schemas/progress.ts';
import { progressKeys, type TrainModelInput, type TrainModelOutput } from '../schemas/workflows.ts';
import { trainingActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { StageBoard } from './stage-board.ts';
import { tracked } from './telling/tracking.ts';

export async function trainModel(input: TrainModelInput): Promise<TrainModelOutput> {
  return await tracked(input, async () => await training(input));
}

async function training(input: TrainModelInput): Promise<TrainModelOutput> {
  const label = stageLabel('train', input);
  const board = new StageBoard([{ stage: 'train', unit: 'steps', training: input }]);
  const control = new Control({ runId: input.runId, board, stageOf: () => label });

  return await control.run(async () => {
    board.start(label);
    const output = await control.interruptible(async () => trainingActivities(input).train(input));
    board.finish(label, output.steps);
    board.forget(label, progressKeys.train);
    return output;
  });
}
