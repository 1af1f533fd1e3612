/** Trainings on an MLflow server, where their config names one: followed while they run, completed by workflows of their own. */
import {
  CancellationScope,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  isCancellation,
  log,
  sleep,
  startChild,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  workflowIds,
  type TrackTrainingInput,
  type TrackedTraining,
  type TrainingReference,
} from '../../schemas/workflows.ts';
import { followingActivities } from '../activity-proxies.ts';
import { orFailure, reasonOf } from '../failures.ts';
import { trackTraining } from './track-training.ts';

/** What a run's result waits for at its end. */
const WAIT_MS = 30_000;
/** Between two tries to begin what goes on already; doubled each time, as each is written into the run's history. */
const FIRST_RETRY_MS = 500;

/** Runs a training's body, followed meanwhile. */
export async function tracked<T>(input: TrainingReference, body: () => Promise<T>): Promise<T> {
  if (input.tracks !== true) return await body();
  const following = new CancellationScope();
  void following
    .run(async () => {
      await followingActivities(input).followTraining(input);
    })
    .catch(() => undefined);
  let state: TrackTrainingInput['state'] = 'FAILED';
  try {
    const output = await body();
    state = 'FINISHED';
    return output;
  } catch (error) {
    if (isCancellation(error)) state = 'KILLED';
    throw error;
  } finally {
    following.cancel();
    await CancellationScope.nonCancellable(async () => {
      await startTracking(input, state);
    });
  }
}

/** @returns undefined where it goes on already, or cannot be begun */
export async function startTracking(
  training: TrackedTraining,
  state: TrackTrainingInput['state'],
): Promise<ChildWorkflowHandle<typeof trackTraining> | undefined> {
  const { runId } = training;
  const workflowId =
    'trainingId' in training
      ? workflowIds.trackById(runId, training.trainingId)
      : workflowIds.track(runId, training.method, training.seed);
  try {
    return await startChild(trackTraining, {
      workflowId,
      args: [{ ...training, state }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    });
  } catch (error) {
    if (isCancellation(error)) throw error;
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
      log.warn(`${workflowId} is not begun: ${reasonOf(error)}`);
    }
    return undefined;
  }
}

/**
 * What came after the trainings (evaluations, the report) is sent too. Waits a little for that.
 *
 * @returns what is not there by then, and what never will be, for a person
 */
export async function completeTracking(trainings: readonly TrainingReference[]): Promise<string[]> {
  const waiting = new CancellationScope();
  const late = waiting.run(async () => {
    await sleep(WAIT_MS);
    return undefined;
  });
  // One that goes on from the training's end may have looked before there was a report: another one follows it.
  const startAfterOthers = async (training: TrainingReference) => {
    for (let pause = FIRST_RETRY_MS; ; pause *= 2) {
      const child = await startTracking(training, 'FINISHED');
      if (child !== undefined) return child;
      const goesOn = await Promise.race([sleep(pause).then(() => true), late]);
      if (goesOn === undefined) return undefined;
    }
  };
  const ends = await Promise.all(
    trainings.map(async (training) => {
      const of = `${training.method} seed ${String(training.seed)}`;
      const notYet = `MLflow does not have all of ${of} yet; it is tried again for a day: modalmix status ${training.runId}`;
      const child = await startAfterOthers(training);
      if (child === undefined) return [notYet];
      const end = await Promise.race([orFailure(async () => await child.result()), late]);
      if (end === undefined) return [notYet];
      if ('reason' in end) return [`MLflow does not have all of ${of}: ${end.reason}`];
      return end.output.notes.map((note) => `${of}: ${note}`);
    }),
  );
  waiting.cancel();
  await late.catch(() => undefined);
  return ends.flat();
}
