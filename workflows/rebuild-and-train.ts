/** The main job: rebuild the dataset, or take it from the stream → train and evaluate each method with each seed → report. */
import { stageLabel } from '../schemas/progress.ts';
import {
  progressKeys,
  runReferenceOf,
  workflowIds,
  type DatasetReference,
  type RebuildAndTrainInput,
  type RebuildAndTrainOutput,
  type RunReference,
} from '../schemas/workflows.ts';
import { controlActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { evaluateModel } from './evaluate-model.ts';
import { FREEZE_STAGES, freezeStream } from './freeze-stream.ts';
import { noticed } from './telling/notices.ts';
import { REBUILD_STAGES, rebuildDataset } from './rebuild-dataset.ts';
import { runChild } from './run-child.ts';
import { StageBoard, type StageSeed } from './stage-board.ts';
import { completeTracking } from './telling/tracking.ts';
import { trainModel } from './train-model.ts';
import { inWindow } from './window.ts';

/** As many GPUs as one run can use at once; with fewer, the rest waits in the queue. */
const TRAININGS_IN_FLIGHT = 8;
const REPORT = stageLabel('report');

export async function rebuildAndTrain(input: RebuildAndTrainInput): Promise<RebuildAndTrainOutput> {
  return await noticed(
    input,
    'run',
    async () => await mainJob(input),
    () => ({ type: 'run.completed' }),
  );
}

async function mainJob(input: RebuildAndTrainInput): Promise<RebuildAndTrainOutput> {
  const { runId } = input;
  const run = runReferenceOf(input);
  const trainings = trainingsOf(input);
  const board = new StageBoard(mainJobStages(input));
  const control = new Control({
    runId,
    board,
    stageOf: (key) => (key === progressKeys.report ? REPORT : undefined),
  });

  return await control.run(async () => {
    if (input.scheduled !== undefined) {
      await controlActivities(run).checkSchedule({ ...run, scheduled: input.scheduled });
    }
    await control.untilResumed();
    const dataset =
      input.source === 'stream' ? await fromStream(run, control, board) : await rebuild(run, control, board);

    const trainingIds = new Map<(typeof trainings)[number], string>();
    await inWindow({
      items: trainings,
      size: TRAININGS_IN_FLIGHT,
      mayStart: async () => {
        await control.untilResumed();
        return true;
      },
      work: async (training) => {
        const { method, seed } = training;
        const reference = { ...run, dataset, method, seed };
        const trainLabel = stageLabel('train', training);
        board.start(trainLabel);
        const trained = await runChild(
          control,
          trainModel,
          workflowIds.train(runId, method, seed),
          reference,
        );
        board.finish(trainLabel, trained.steps);

        await control.untilResumed();
        const evaluateLabel = stageLabel('evaluate', training);
        board.start(evaluateLabel);
        const evaluationId = workflowIds.evaluate(runId, method, seed);
        const evaluated = await runChild(control, evaluateModel, evaluationId, reference);
        board.finish(evaluateLabel, evaluated.samples);
        trainingIds.set(training, trained.trainingId);
      },
    });

    await control.untilResumed();
    board.start(REPORT, 1);
    const written = await controlActivities(run).writeReport({ ...run, dataset });
    board.finish(REPORT);
    const references = trainings.map((training) => ({ ...run, dataset, ...training }));
    const warnings = input.tracks === true ? await completeTracking(references) : [];
    return {
      dataset,
      trainingIds: trainings.map((training) => trainingIds.get(training) ?? ''),
      report: written.report,
      summary: written.summary,
      ...(warnings.length === 0 ? {} : { warnings }),
    };
  });
}

async function rebuild(run: RunReference, control: Control, board: StageBoard): Promise<DatasetReference> {
  const indexLabel = stageLabel('index');
  board.start(indexLabel);
  const rebuilt = await runChild(control, rebuildDataset, workflowIds.rebuild(run.runId), run);
  board.finish(indexLabel, rebuilt.clips + rebuilt.quarantined);
  board.finish(stageLabel('extract'), rebuilt.clips + rebuilt.quarantined);
  board.finish(stageLabel('publish'), 1);
  return rebuilt.dataset;
}

async function fromStream(run: RunReference, control: Control, board: StageBoard): Promise<DatasetReference> {
  const label = stageLabel('stream');
  board.start(label);
  const frozen = await runChild(control, freezeStream, workflowIds.freezeStream(run.runId), run);
  board.finish(label, frozen.clips);
  return frozen.dataset;
}

function trainingsOf({ methods, seeds }: Pick<RebuildAndTrainInput, 'methods' | 'seeds'>) {
  return methods.flatMap((method) => seeds.map((seed) => ({ method, seed })));
}

export function mainJobStages(
  input: Pick<RebuildAndTrainInput, 'methods' | 'seeds' | 'source'>,
): StageSeed[] {
  return [
    ...(input.source === 'stream' ? FREEZE_STAGES : REBUILD_STAGES),
    ...trainingsOf(input).flatMap((training): StageSeed[] => [
      { stage: 'train', unit: 'steps', training },
      { stage: 'evaluate', unit: 'samples', training },
    ]),
    { stage: 'report', unit: 'items' },
  ];
}
