/** What came by stream, as a version of the dataset: in the place of `rebuildDataset`. */
import { stageLabel } from '../schemas/progress.ts';
import { progressKeys, type FreezeStreamOutput, type RunReference } from '../schemas/workflows.ts';
import { mediaActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { StageBoard, type StageSeed } from './stage-board.ts';

export const FREEZE_STAGES: readonly StageSeed[] = [{ stage: 'stream', unit: 'clips' }];
const STREAM = stageLabel('stream');

export async function freezeStream(input: RunReference): Promise<FreezeStreamOutput> {
  const board = new StageBoard(FREEZE_STAGES);
  const control = new Control({ runId: input.runId, board, stageOf: () => STREAM });

  return await control.run(async () => {
    board.start(STREAM);
    await control.untilResumed();
    const output = await mediaActivities(input).freezeStream(input);
    board.finish(STREAM, output.clips);
    board.forget(STREAM, progressKeys.stream);
    return output;
  });
}
