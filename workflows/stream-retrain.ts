/**
 * A model kept trained: two things go on side by side until cancelled. One waits for the open window of new
 * clips to close; the other works through the closed ones in order. Windows are files of the store before
 * they are known here, so neither a crash nor a new execution drops one.
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { stageLabel } from '../schemas/progress.ts';
import {
  MESSAGES,
  progressKeys,
  runReferenceOf,
  workflowIds,
  type StreamRetrainInput,
} from '../schemas/workflows.ts';
import { controlActivities, waitingActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { mainJobStages, rebuildAndTrain } from './rebuild-and-train.ts';
import { noticed } from './telling/notices.ts';
import { WINDOW_STAGES, retrainWindow } from './retrain-window.ts';
import { runChild } from './run-child.ts';
import { StageBoard } from './stage-board.ts';

const WAIT = stageLabel('window');
const WINDOW_LABELS = WINDOW_STAGES.map(({ stage }) => stageLabel(stage));

export async function streamRetrain(input: StreamRetrainInput): Promise<never> {
  return await noticed(input, 'retraining', async () => await retraining(input));
}

async function retraining(input: StreamRetrainInput): Promise<never> {
  const { runId, model } = input;
  const run = runReferenceOf(input);
  const board = new StageBoard([{ stage: 'window', unit: 'clips' }, ...WINDOW_STAGES]);
  const control = new Control({
    runId,
    board,
    stageOf: (key) => (key === progressKeys.window ? WAIT : undefined),
    paused: input.carried?.paused ?? false,
  });
  let closeAsked = input.carried?.closeAsked ?? false;
  let windowsDone = input.carried?.windowsDone ?? 0;
  let stopWaiting: () => void = () => undefined;
  setHandler(defineSignal(MESSAGES.closeWindow), () => {
    closeAsked = true;
    stopWaiting();
  });

  return await control.run(async () => {
    await control.untilResumed();
    const found = await controlActivities(run).findWindows({ ...run, model });
    if (!found.hasModel) {
      const stages = mainJobStages(input);
      board.prepend(stages);
      const { methods, seeds } = input;
      const main = { ...run, methods, seeds };
      const { dataset } = await runChild(control, rebuildAndTrain, workflowIds.run(runId), main);
      for (const stage of stages) board.finish(stageLabel(stage.stage, stage.training));
      await controlActivities(run).openModel({ ...run, model, dataset });
    }

    const waiting = [...found.waiting];
    let open = found.open;
    let ending = false;
    const tell = (now?: number) => {
      const queued = waiting.length - (now === undefined ? 0 : 1);
      const facts = [
        now === undefined ? undefined : `window ${String(now)} is being learned`,
        queued > 0 ? `${String(queued)} more ${queued === 1 ? 'waits' : 'wait'}` : undefined,
        `window ${String(open)} is open`,
        `${String(windowsDone)} done`,
      ];
      control.note = facts.filter((fact) => fact !== undefined).join(', ');
    };

    const waitForWindows = async () => {
      while (!ending) {
        board.reset(WAIT);
        board.start(WAIT);
        tell(control.progress().children.length > 0 ? waiting[0] : undefined);
        const scope = new CancellationScope();
        stopWaiting = () => {
          scope.cancel();
        };
        const now = closeAsked;
        closeAsked = false;
        try {
          const window = { ...run, model, window: open, now };
          const { closed } = await scope.run(async () => waitingActivities(run).awaitWindow(window));
          if (closed) waiting.push(open++);
        } catch (error) {
          if (CancellationScope.current().consideredCancelled || !isCancellation(error)) throw error;
        }
      }
    };

    const learnWindows = async () => {
      for (;;) {
        await condition(() => waiting.length > 0 || historyIsLong(input));
        await control.untilResumed();
        const next = waiting[0];
        if (historyIsLong(input) || next === undefined) break;
        for (const label of WINDOW_LABELS) board.reset(label);
        tell(next);
        const reference = { ...run, model, window: next };
        await runChild(control, retrainWindow, workflowIds.retrainWindow(runId, next), reference);
        waiting.shift();
        windowsDone += 1;
        for (const label of WINDOW_LABELS) board.finish(label);
        tell();
      }
      ending = true;
      stopWaiting();
    };

    await together(waitForWindows, learnWindows);
    const carried = { paused: control.paused, closeAsked, windowsDone };
    return await continueAsNew<typeof streamRetrain>({ ...input, carried });
  });
}

/** Both to their end; the first failure cancels the other. */
async function together(...works: readonly (() => Promise<void>)[]): Promise<void> {
  const scope = new CancellationScope();
  await scope.run(async () => {
    const running = works.map(async (work) => {
      await work();
    });
    try {
      await Promise.all(running);
    } catch (error) {
      scope.cancel();
      await Promise.allSettled(running);
      throw error;
    }
  });
}

function historyIsLong({ historyEvents }: StreamRetrainInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > (historyEvents ?? Infinity);
}
