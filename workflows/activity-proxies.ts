/** One proxy for each kind of work, with its timeouts beside it; retries are decided by the error's kind. */
import { ActivityCancellationType, proxyActivities, type RetryPolicy } from '@temporalio/workflow';
import type {
  ControlActivities,
  MediaActivities,
  TellingActivities,
  TrainingActivities,
  WaitingActivities,
} from '../activities/index.ts';
import { ERROR_KINDS, isRetryable } from '../schemas/errors.ts';
import { TASK_QUEUES, WAITING_QUEUE } from '../schemas/names.ts';
import type { RunReference } from '../schemas/workflows.ts';

const DEFAULT_HEARTBEAT_TIMEOUT_MS = 15_000;

const ENDLESS_RETRY: RetryPolicy = {
  // A process that was killed is replaced at once.
  initialInterval: '200 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
  nonRetryableErrorTypes: ERROR_KINDS.filter((kind) => !isRetryable(kind)),
};

/** A lost worker counts as an attempt too, and a long run on a laptop loses many. */
const RETRY: RetryPolicy = { ...ENDLESS_RETRY, maximumAttempts: 100 };

/** ffmpeg, hashing and reading: hours for a shard of long clips, and never to be waited for in vain. */
export function mediaActivities(run: RunReference) {
  return proxyActivities<MediaActivities>({
    taskQueue: TASK_QUEUES.media,
    startToCloseTimeout: '2 days',
    heartbeatTimeout: heartbeatTimeout(run),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: RETRY,
  });
}

/** Training and evaluation: weeks at most; a cancelled one is waited for, since it leaves a checkpoint. */
export function trainingActivities(run: RunReference) {
  return proxyActivities<TrainingActivities>({
    taskQueue: TASK_QUEUES.training,
    startToCloseTimeout: '60 days',
    heartbeatTimeout: heartbeatTimeout(run),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: RETRY,
  });
}

/** Reading and writing a few small files. */
export function controlActivities(run: RunReference) {
  return proxyActivities<ControlActivities>({
    taskQueue: TASK_QUEUES.control,
    startToCloseTimeout: '1 hour',
    heartbeatTimeout: heartbeatTimeout(run),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: RETRY,
  });
}

/** Waiting for clips: as long as it takes, and as often as a worker is lost meanwhile. */
export function waitingActivities(run: RunReference) {
  return proxyActivities<Pick<ControlActivities, 'awaitWindow'>>({
    taskQueue: TASK_QUEUES.control,
    startToCloseTimeout: '365 days',
    heartbeatTimeout: heartbeatTimeout(run),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: ENDLESS_RETRY,
  });
}

/** Waiting for another workflow, as long as that takes. */
export function workflowWaitingActivities(run: RunReference) {
  return proxyActivities<WaitingActivities>({
    taskQueue: WAITING_QUEUE,
    startToCloseTimeout: '365 days',
    heartbeatTimeout: heartbeatTimeout(run),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: ENDLESS_RETRY,
  });
}

/**
 * Telling others, whose servers may be away: for a day, at first after a second and at last each quarter of an hour. In the
 * queue of waits, so that no work waits behind a server that does not answer.
 */
export function tellingActivities(run: RunReference) {
  return proxyActivities<TellingActivities>({
    taskQueue: WAITING_QUEUE,
    startToCloseTimeout: '1 hour',
    scheduleToCloseTimeout: '1 day',
    heartbeatTimeout: heartbeatTimeout(run),
    retry: { ...ENDLESS_RETRY, initialInterval: '1 second', maximumInterval: '15 minutes' },
  });
}

/** As long as a training, beside it; a worker that was lost is replaced. */
export function followingActivities(run: RunReference) {
  return proxyActivities<Pick<TellingActivities, 'followTraining'>>({
    taskQueue: WAITING_QUEUE,
    startToCloseTimeout: '60 days',
    heartbeatTimeout: heartbeatTimeout(run),
    retry: { ...ENDLESS_RETRY, initialInterval: '5 seconds' },
  });
}

function heartbeatTimeout(run: RunReference): number {
  return run.heartbeatTimeoutMs ?? DEFAULT_HEARTBEAT_TIMEOUT_MS;
}
