/** One window of new clips: freeze a snapshot → fine-tune → compare with the current model → decide. */
import { stageLabel } from '../schemas/progress.ts';
import {
  progressKeys,
  runReferenceOf,
  type RetrainWindowOutput,
  type WindowReference,
} from '../schemas/workflows.ts';
import { controlActivities, mediaActivities, trainingActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { tell } from './telling/notices.ts';
import { StageBoard, type StageSeed } from './stage-board.ts';
import { startTracking } from './telling/tracking.ts';

export const WINDOW_STAGES: readonly StageSeed[] = [
  { stage: 'freeze', unit: 'items' },
  { stage: 'fine-tune', unit: 'steps' },
  { stage: 'compare', unit: 'samples' },
  { stage: 'decide', unit: 'items' },
];
const FREEZE = stageLabel('freeze');
const FINE_TUNE = stageLabel('fine-tune');
const COMPARE = stageLabel('compare');
const DECIDE = stageLabel('decide');

const LABEL_OF_KEY: Readonly<Record<string, string>> = {
  [progressKeys.freeze]: FREEZE,
  [progressKeys.fineTune]: FINE_TUNE,
  [progressKeys.compare]: COMPARE,
  [progressKeys.decide]: DECIDE,
};

export async function retrainWindow(input: WindowReference): Promise<RetrainWindowOutput> {
  const decision = await decide(input);
  const { model, window } = input;
  await tell(input, 'gate.decided', { model, window, decision });
  return decision;
}

async function decide(input: WindowReference): Promise<RetrainWindowOutput> {
  const board = new StageBoard(WINDOW_STAGES);
  const control = new Control({ runId: input.runId, board, stageOf: (key) => LABEL_OF_KEY[key] });

  return await control.run(async () => {
    await control.untilResumed();
    board.start(FREEZE);
    const { dataset, parent, newTrainClips } = await mediaActivities(input).freezeWindow(input);
    board.finish(FREEZE, 1);
    const work = { ...input, dataset, parent };
    if (newTrainClips === 0) {
      for (const label of [FINE_TUNE, COMPARE]) board.finish(label, 0);
      board.start(DECIDE, 1);
      return await controlActivities(input).decideWindow(work);
    }

    board.start(FINE_TUNE);
    const trained = await control.interruptible(async () => trainingActivities(input).fineTune(work));
    board.finish(FINE_TUNE, trained.steps);
    if (input.tracks === true)
      await startTracking({ ...runReferenceOf(input), trainingId: trained.trainingId }, 'FINISHED');

    // Again only when a person moves the current model while the two are being compared.
    for (let against = parent; ;) {
      board.start(COMPARE);
      await control.interruptible(async () => {
        await trainingActivities(input).compareModels({ ...work, against });
      });
      board.finish(COMPARE);
      board.start(DECIDE, 1);
      const { compareWith, ...output } = await controlActivities(input).decideWindow({ ...work, against });
      if (compareWith === undefined) {
        board.finish(DECIDE, 1);
        return output;
      }
      board.reset(DECIDE);
      against = compareWith;
    }
  });
}
