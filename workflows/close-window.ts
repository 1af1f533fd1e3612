/** By the clock: the open window of a run's retraining closes with the clips that are there. */
import { ApplicationFailure, getExternalWorkflowHandle, isCancellation } from '@temporalio/workflow';
import type { ErrorKind } from '../schemas/errors.ts';
import { MESSAGES, workflowIds, type CloseWindowInput } from '../schemas/workflows.ts';
import { controlActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { StageBoard } from './stage-board.ts';

export async function closeWindow(input: CloseWindowInput): Promise<void> {
  const { runId } = input;
  const control = new Control({ runId, board: new StageBoard([]), stageOf: () => undefined });
  await control.run(async () => {
    await controlActivities(input).checkSchedule(input);
    try {
      await getExternalWorkflowHandle(workflowIds.retrain(runId)).signal(MESSAGES.closeWindow);
    } catch (error) {
      if (isCancellation(error)) throw error;
      throw ApplicationFailure.create({
        type: 'config' satisfies ErrorKind,
        message: 'its retraining is not running, so there is no window to close',
        nonRetryable: true,
        details: [{ where: workflowIds.retrain(runId), fix: 'Start it: modalmix stream retrain <config>' }],
      });
    }
  });
}
