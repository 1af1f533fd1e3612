/**
 * A search over hyper-parameters: build the dataset → rung by rung, train its trials, some at a time, and choose those that
 * are trained longer → one result. Nothing is judged on the test split. A training that fails is noted and the others
 * go on; one that is done already is found done.
 */
import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import { stageLabel } from '../schemas/progress.ts';
import {
  TRAININGS_PER_PAGE,
  progressKeys,
  runReferenceOf,
  workflowIds,
  type DatasetReference,
  type RunSearchInput,
  type RunSearchOutput,
  type SearchTraining,
} from '../schemas/workflows.ts';
import { controlActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { orFailure } from './failures.ts';
import { noticed } from './telling/notices.ts';
import { rebuildDataset } from './rebuild-dataset.ts';
import { runChild } from './run-child.ts';
import { StageBoard } from './stage-board.ts';
import { trainModel } from './train-model.ts';
import { inWindow } from './window.ts';

/** As many GPUs as one search can use at once; with fewer, the rest waits in the queue. */
const TRAININGS_IN_FLIGHT = 8;

const DATASETS = stageLabel('datasets');
const TRIALS = stageLabel('trials');
const REPORT = stageLabel('report');

export async function runSearch(input: RunSearchInput): Promise<RunSearchOutput> {
  return await noticed(
    input,
    'search',
    async () => await searching(input),
    ({ trainings, failed }) => ({ type: 'search.completed', facts: { trainings, failed } }),
  );
}

async function searching(input: RunSearchInput): Promise<RunSearchOutput> {
  const { runId, carried } = input;
  const run = runReferenceOf(input);
  const activities = controlActivities(run);
  const board = new StageBoard([
    { stage: 'datasets', unit: 'items' },
    { stage: 'trials', unit: 'items' },
    { stage: 'report', unit: 'items' },
  ]);
  const control = new Control({
    runId,
    board,
    stageOf: (key) => (key === progressKeys.report ? REPORT : undefined),
    paused: carried?.paused ?? false,
  });

  return await control.run(async () => {
    await control.untilResumed();
    board.start(DATASETS, 1);
    const plan = carried?.plan ?? (await activities.planSearch(run));
    const dataset = carried?.dataset ?? (await build(plan.build));
    board.finish(DATASETS, 1);

    let done = carried?.done ?? 0;
    let failed = carried?.failed ?? 0;
    const most = plan.rungs.reduce((sum, { trainings }) => sum + trainings, 0);
    board.start(TRIALS, most);
    board.advance(TRIALS, 'carried', done + (carried?.next ?? 0));
    for (let rung = carried?.rung ?? 0; rung < plan.rungs.length; rung += 1) {
      await control.untilResumed();
      const known = carried?.rung === rung ? carried : undefined;
      const trainings = known?.trainings ?? (await activities.planRung({ ...run, dataset, rung })).trainings;
      const running = new Set<SearchTraining>();
      const tell = () => {
        control.note = noteOf(rung, running, failed);
      };
      let listed = known?.next ?? 0;
      const left = await inWindow<SearchTraining>({
        items: [],
        size: TRAININGS_IN_FLIGHT,
        mayStart: async () => {
          await control.untilResumed();
          return !historyIsLong(input);
        },
        more: async () => {
          if (listed >= trainings) return [];
          const count = Math.min(trainings - listed, input.trainingsPerPage ?? TRAININGS_PER_PAGE);
          const page = await activities.listRung({ ...run, rung, from: listed, count });
          listed += page.trainings.length;
          return page.trainings;
        },
        work: async (training) => {
          running.add(training);
          tell();
          const ended = await orFailure(async () => train(training, dataset));
          if ('reason' in ended) {
            failed += 1;
            await activities.noteTrialFailure({ ...run, training, reason: ended.reason });
          }
          running.delete(training);
          tell();
          board.advance(TRIALS, training.runId, 1);
        },
      });
      const next = listed - left.length;
      if (next < trainings) {
        const state = { plan, dataset, rung, trainings, next, done, failed, paused: control.paused };
        return await continueAsNew<typeof runSearch>({ ...input, carried: state });
      }
      done += trainings;
    }
    board.finish(TRIALS, done);

    await control.untilResumed();
    board.start(REPORT, 1);
    const written = await activities.writeSearch({ ...run, dataset });
    board.finish(REPORT);
    return { ...written, trainings: done, failed };
  });

  async function build(buildRunId: string): Promise<DatasetReference> {
    const work = { ...run, runId: buildRunId };
    const built = await runChild(control, rebuildDataset, workflowIds.rebuild(buildRunId), work);
    return built.dataset;
  }

  async function train(training: SearchTraining, dataset: DatasetReference): Promise<void> {
    const { runId: trialRunId, method, seed } = training;
    const reference = { ...run, runId: trialRunId, dataset, method, seed };
    await runChild(control, trainModel, workflowIds.train(trialRunId, method, seed), reference);
  }

  function noteOf(rung: number, running: ReadonlySet<SearchTraining>, failed: number): string | undefined {
    const [first, ...others] = [...running].map(
      ({ method, trial, seed }) => `trial ${String(trial)} of ${method}, seed ${String(seed)}`,
    );
    const facts = [
      ...(first === undefined ? [] : [`rung ${String(rung + 1)}: ${first}`]),
      ...(others.length > 0 ? [`${String(others.length)} more at work or waiting`] : []),
      ...(failed > 0 ? [`${String(failed)} failed`] : []),
    ];
    return facts.length === 0 ? undefined : facts.join('; ');
  }
}

function historyIsLong({ historyEvents }: RunSearchInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > (historyEvents ?? Infinity);
}
