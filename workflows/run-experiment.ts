/**
 * A matrix of trainings: build the datasets → train and evaluate every cell, some at a time → one result and page.
 * A cell that fails is noted and the others go on; one that is done already is found done.
 */
import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import { stageLabel } from '../schemas/progress.ts';
import {
  progressKeys,
  runReferenceOf,
  workflowIds,
  type DatasetReference,
  type ExperimentCell,
  type ExperimentPlan,
  type RunExperimentInput,
  type RunExperimentOutput,
  type RunReference,
} from '../schemas/workflows.ts';
import { controlActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { evaluateModel } from './evaluate-model.ts';
import { orFailure } from './failures.ts';
import { noticed } from './telling/notices.ts';
import { rebuildDataset } from './rebuild-dataset.ts';
import { runChild } from './run-child.ts';
import { StageBoard } from './stage-board.ts';
import { startTracking } from './telling/tracking.ts';
import { trainModel } from './train-model.ts';
import { inWindow } from './window.ts';

/** As many GPUs as one experiment can use at once; with fewer, the rest waits in the queue. */
const CELLS_IN_FLIGHT = 8;

const DATASETS = stageLabel('datasets');
const CELLS = stageLabel('cells');
const REPORT = stageLabel('report');

export async function runExperiment(input: RunExperimentInput): Promise<RunExperimentOutput> {
  return await noticed(
    input,
    'experiment',
    async () => await matrix(input),
    ({ cells: trainings, failed }) => ({ type: 'experiment.completed', facts: { trainings, failed } }),
  );
}

async function matrix(input: RunExperimentInput): Promise<RunExperimentOutput> {
  const { runId, carried } = input;
  const run = runReferenceOf(input);
  const board = new StageBoard([
    { stage: 'datasets', unit: 'items' },
    { stage: 'cells', unit: 'items' },
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
    board.start(DATASETS);
    const plan = carried?.plan ?? (await controlActivities(run).planExperiment(run));
    const datasets: (DatasetReference | null)[] = [...(carried?.datasets ?? [])];
    board.start(DATASETS, plan.datasets.length, datasets.length);
    for (const built of plan.datasets.slice(datasets.length)) {
      await control.untilResumed();
      const work = { ...run, runId: built.runId };
      const found = await orFailure(async () =>
        runChild(control, rebuildDataset, workflowIds.rebuild(built.runId), work),
      );
      if ('reason' in found) {
        await controlActivities(run).noteFailure({ ...run, cellRunId: built.runId, reason: found.reason });
      }
      datasets.push('reason' in found ? null : found.output.dataset);
      board.advance(DATASETS, built.runId, 1);
    }
    board.finish(DATASETS, plan.datasets.length);

    const cells = cellsOf(plan);
    let failed = carried?.failed ?? 0;
    const next = carried?.next ?? 0;
    board.start(CELLS, cells.length);
    board.advance(CELLS, 'carried', next);
    const running = new Set<ExperimentCell>();
    const tell = () => {
      const [first, ...others] = [...running].map(
        ({ label, method, seed }) => `${label}: ${method} seed ${String(seed)}`,
      );
      const facts = [
        ...(first === undefined ? [] : [first]),
        ...(others.length > 0 ? [`${String(others.length)} more at work or waiting`] : []),
        ...(failed > 0 ? [`${String(failed)} failed`] : []),
      ];
      control.note = facts.length === 0 ? undefined : facts.join('; ');
    };
    const left = await inWindow({
      items: cells.slice(next),
      size: CELLS_IN_FLIGHT,
      mayStart: async () => {
        await control.untilResumed();
        return !historyIsLong(input);
      },
      work: async (cell) => {
        const dataset = datasets[cell.dataset] ?? undefined;
        if (dataset === undefined) failed += 1;
        else {
          running.add(cell);
          tell();
          const ended = await orFailure(async () => {
            await trainAndEvaluate(control, run, cell, dataset);
          });
          if ('reason' in ended) {
            failed += 1;
            const { runId: cellRunId, method, seed } = cell;
            await controlActivities(run).noteFailure({
              ...run,
              cellRunId,
              method,
              seed,
              reason: ended.reason,
            });
          }
          running.delete(cell);
        }
        tell();
        board.advance(CELLS, cell.runId, 1);
      },
    });
    if (left.length > 0) {
      const state = { plan, datasets, failed, next: cells.length - left.length, paused: control.paused };
      return await continueAsNew<typeof runExperiment>({ ...input, carried: state });
    }
    board.finish(CELLS, cells.length);

    await control.untilResumed();
    board.start(REPORT, 1);
    const written = await controlActivities(run).writeExperiment({ ...run, datasets });
    board.finish(REPORT);
    return { ...written, cells: cells.length, failed };
  });
}

async function trainAndEvaluate(
  control: Control,
  run: Omit<RunReference, 'runId'>,
  { runId, method, seed }: ExperimentCell,
  dataset: DatasetReference,
): Promise<void> {
  const reference = { ...run, runId, dataset, method, seed };
  await runChild(control, trainModel, workflowIds.train(runId, method, seed), reference);
  await control.untilResumed();
  await runChild(control, evaluateModel, workflowIds.evaluate(runId, method, seed), reference);
  // Once more, with the evaluation's scores.
  if (run.tracks === true) await startTracking(reference, 'FINISHED');
}

function cellsOf({ groups, seeds }: ExperimentPlan): ExperimentCell[] {
  return groups.flatMap(({ methods, ...group }) =>
    methods.flatMap((method) => seeds.map((seed) => ({ ...group, method, seed }))),
  );
}

function historyIsLong({ historyEvents }: RunExperimentInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > (historyEvents ?? Infinity);
}
