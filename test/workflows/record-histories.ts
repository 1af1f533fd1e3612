/**
 * Records the histories that `replay.test.ts` replays: run it with
 * `npx tsx test/workflows/record-histories.ts [names…]` when a workflow is meant to take other steps than before, and say so in the commit.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { runStage } from '../../activities/run-stage.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';
import { MESSAGES, WORKFLOWS, progressKeys, workflowIds } from '../../schemas/workflows.ts';
import { withScriptedWorkers, type ScriptedActivities } from '../support/scripted-worker.ts';
import { startTestServer } from '../support/temporal.ts';
import { encodeHistory } from './recorded-history.ts';
import { searching } from './search-script.ts';
import { TRAINING, dataset, experimenting, pagedDataset, resumableTraining, retraining } from './scripts.ts';

const FOLDER = new URL('./histories/', import.meta.url);
const RUN = { storeUri: 'file:/nowhere', runId: 'recorded' };

interface Recording {
  readonly type: (typeof WORKFLOWS)[keyof typeof WORKFLOWS];
  readonly script: Partial<ScriptedActivities>;
  readonly input?: object;
  /** What runs already. */
  readonly before?: (client: Client) => Promise<unknown>;
  /** What happens to it from outside. */
  readonly during?: (handle: WorkflowHandle) => Promise<void>;
}

const TOLD: Partial<ScriptedActivities> = {
  findWebhooks: async () => await Promise.resolve({ webhooks: [0, 2] }),
  postNotice: async () => {
    await sleep(1);
  },
};

const TRACKED: Partial<ScriptedActivities> = {
  followTraining: async () =>
    await runStage(progressKeys.track, async ({ signal }) => {
      await sleep(3_600_000, undefined, { signal });
    }),
  trackTraining: async () => await Promise.resolve({ notes: ['a note'] }),
};

/** Each by the name of its file. */
const RECORDINGS: Readonly<Record<string, Recording>> = {
  rebuild: { type: WORKFLOWS.rebuildDataset, script: dataset(40, async () => undefined) },
  'rebuild-continued': {
    type: WORKFLOWS.rebuildDataset,
    script: dataset(60, async () => undefined),
    input: { historyEvents: 120 },
  },
  'rebuild-paged': {
    type: WORKFLOWS.rebuildDataset,
    script: pagedDataset(1_100, 20, async () => undefined),
    input: { historyEvents: 300, shardsInFlight: 8 },
  },
  'rebuild-paused': {
    type: WORKFLOWS.rebuildDataset,
    script: dataset(40, async () => await sleep(50)),
    during: pauseAndResume,
  },
  'freeze-stream': {
    type: WORKFLOWS.freezeStream,
    script: {
      freezeStream: async () => await Promise.resolve({ dataset: TRAINING.dataset, shards: 1, clips: 6 }),
    },
  },
  'train-paused': {
    type: WORKFLOWS.trainModel,
    script: resumableTraining(150).script,
    input: TRAINING,
    during: pauseAndResume,
  },
  'train-cancelled': {
    type: WORKFLOWS.trainModel,
    script: resumableTraining(10_000).script,
    input: TRAINING,
    during: async (handle) => {
      await sleep(2_000);
      await handle.cancel();
    },
  },
  evaluate: { type: WORKFLOWS.evaluateModel, script: resumableTraining(1).script, input: TRAINING },
  'main-job': {
    type: WORKFLOWS.rebuildAndTrain,
    script: resumableTraining(150).script,
    input: { methods: ['joint', 'b-mm'], seeds: [0, 1] },
    during: pauseAndResume,
  },
  'main-job-told': {
    type: WORKFLOWS.rebuildAndTrain,
    script: { ...resumableTraining(20).script, ...TOLD },
    input: { methods: ['joint', 'b-mm'], seeds: [0], notifies: true },
  },
  'main-job-failure-told': {
    type: WORKFLOWS.rebuildAndTrain,
    script: {
      ...resumableTraining(20).script,
      ...TOLD,
      writeReport: async () => {
        await sleep(1);
        throw ApplicationFailure.create({ type: 'input', message: 'no report', nonRetryable: true });
      },
    },
    input: { methods: ['joint'], seeds: [0], notifies: true },
  },
  'notify-webhooks': {
    type: WORKFLOWS.notifyWebhooks,
    script: TOLD,
    input: { noticeId: 'n', type: 'run.failed', at: '2026-11-30T21:00:00.000Z', facts: { reason: 'why' } },
  },
  'main-job-tracked': {
    type: WORKFLOWS.rebuildAndTrain,
    script: { ...resumableTraining(50).script, ...TRACKED },
    input: { methods: ['joint', 'b-mm'], seeds: [0], tracks: true },
    during: pauseAndResume,
  },
  'train-tracked': {
    type: WORKFLOWS.trainModel,
    script: { ...resumableTraining(50).script, ...TRACKED },
    input: { ...TRAINING, tracks: true },
  },
  'track-training': {
    type: WORKFLOWS.trackTraining,
    script: TRACKED,
    input: { ...TRAINING, state: 'FINISHED' },
  },
  // `main-job-waited.json` is the same as it was when a wait was a timer after the other: it cannot be made again.
  'main-job-waiting': {
    type: WORKFLOWS.rebuildAndTrain,
    script: resumableTraining(600).script,
    input: { methods: ['b-mm'], seeds: [0] },
    before: async (client) =>
      await client.workflow.start(WORKFLOWS.trainModel, {
        workflowId: workflowIds.train(RUN.runId, 'b-mm', 0),
        taskQueue: TASK_QUEUES.control,
        args: [{ ...RUN, ...TRAINING }],
      }),
  },
  'main-job-scheduled': {
    type: WORKFLOWS.rebuildAndTrain,
    script: { ...resumableTraining(10).script, checkSchedule: async () => undefined },
    input: { methods: ['b-mm'], seeds: [0], scheduled: { work: 'rebuild', nonce: 'recorded' } },
  },
  'close-window': {
    type: WORKFLOWS.closeWindow,
    script: { ...retraining({ windows: 0 }).script, checkSchedule: async () => undefined },
    input: { scheduled: { work: 'close-window', nonce: 'recorded' } },
    before: async (client) =>
      await client.workflow.start(WORKFLOWS.streamRetrain, {
        workflowId: workflowIds.retrain(RUN.runId),
        taskQueue: TASK_QUEUES.control,
        args: [{ ...RUN, methods: ['b-mm'], seeds: [0], model: 'm' }],
      }),
  },
  experiment: {
    type: WORKFLOWS.runExperiment,
    script: experimenting({
      ...{ methods: ['joint', 'b-mm'], seeds: [0, 1, 2], datasets: 2, trainMs: 2_000 },
      ...{ fails: ['joint-1'], unbuilt: ['group-1'] },
    }).script,
    during: pauseAndResume,
  },
  'experiment-continued': {
    type: WORKFLOWS.runExperiment,
    script: experimenting({ methods: ['joint', 'mm', 'b-mm'], seeds: [0, 1, 2, 3, 4, 5] }).script,
    input: { historyEvents: 150 },
  },
  search: {
    type: WORKFLOWS.runSearch,
    script: searching({
      ...{ methods: ['joint', 'b-mm'], seeds: [0, 1], trials: [4, 1], trainMs: 1_000, fails: ['joint-1'] },
    }).script,
    during: pauseAndResume,
  },
  'search-continued': {
    type: WORKFLOWS.runSearch,
    script: searching({ methods: ['joint', 'mm', 'b-mm'], seeds: [0, 1], trials: [6, 2] }).script,
    input: { historyEvents: 150, trainingsPerPage: 10 },
  },
  retrain: {
    type: WORKFLOWS.streamRetrain,
    script: retraining({ hasModel: false, windows: 2, fineTuneMs: 1_000 }).script,
    input: { methods: ['b-mm'], seeds: [0], model: 'm' },
    during: async (handle) => {
      await sleep(6_000);
      await handle.signal(MESSAGES.closeWindow);
      await sleep(2_000);
      await handle.cancel();
    },
  },
  'retrain-window-told': {
    type: WORKFLOWS.retrainWindow,
    script: { ...retraining({ windows: 1 }).script, ...TOLD },
    input: { model: 'm', window: 1, notifies: true },
  },
  'retrain-window': {
    type: WORKFLOWS.retrainWindow,
    script: retraining({ windows: 1, movedTo: 3, fineTuneMs: 3_000 }).script,
    input: { model: 'm', window: 1 },
    during: pauseAndResume,
  },
};

async function pauseAndResume(handle: WorkflowHandle): Promise<void> {
  await sleep(1_500);
  await handle.signal(MESSAGES.pause);
  await sleep(1_500);
  await handle.signal(MESSAGES.resume);
}

async function record(
  client: Client,
  name: string,
  { type, input, before, during }: Recording,
): Promise<void> {
  await before?.(client);
  const handle = await client.workflow.start(type, {
    workflowId: `recorded-${name}`,
    taskQueue: TASK_QUEUES.control,
    args: [{ ...RUN, ...input }],
  });
  await during?.(handle);
  await handle.result().catch(() => undefined);
  // The first execution: the one that went on in another is recorded up to there.
  const history = await client.workflow
    .getHandle(handle.workflowId, handle.firstExecutionRunId)
    .fetchHistory();
  await writeFile(new URL(`${name}.json`, FOLDER), encodeHistory(history));
  process.stdout.write(`${name}: ${String(history.events?.length ?? 0)} events\n`);
}

const server = await startTestServer();
try {
  await mkdir(FOLDER, { recursive: true });
  const wanted = process.argv.slice(2);
  for (const [name, recording] of Object.entries(RECORDINGS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    await withScriptedWorkers(server.address, recording.script, async () => {
      await record(server.client, name, recording);
    });
  }
} finally {
  await server.stop();
}
