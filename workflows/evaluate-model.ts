/** One trained model judged on the test split; a pause takes effect before it starts. */
import { stageLabel } from '../schemas/progress.ts';
import type { EvaluateModelInput, EvaluateModelOutput } from '../schemas/workflows.ts';
import { trainingActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { StageBoard } from './stage-board.ts';

export async function evaluateModel(input: EvaluateModelInput): Promise<EvaluateModelOutput> {
  const label = stageLabel('evaluate', input);
  const board = new StageBoard([{ stage: 'evaluate', unit: 'samples', training: input }]);
  const control = new Control({ runId: input.runId, board, stageOf: () => label });

  return await control.run(async () => {
    board.start(label);
    await control.untilResumed();
    const output = await trainingActivities(input).evaluate(input);
    board.finish(label);
    return output;
  });
}
