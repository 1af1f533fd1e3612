/** "Start again": the same work, from what the run left in its store, and nothing there is written over. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStore } from '../../pipelines/store/open-store.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { listRuns, type FoundRun } from '../../runs/find-runs.ts';
import { experimentConfigSchema } from '../../schemas/config/experiment.ts';
import { storePaths } from '../../schemas/names.ts';
import { WORKFLOWS, workflowIds } from '../../schemas/workflows.ts';
import { startAgain } from '../../ui/server/runs/start-again.ts';
import { tinyConfig } from '../support/project.ts';

interface Started {
  readonly type: string;
  readonly workflowId: string;
  readonly args: readonly unknown[];
  readonly memo: Readonly<Record<string, unknown>>;
}

let folder: string;
let store: Store;
const started: Started[] = [];
/** Notes what is started, and lists it as running. */
const client = {
  workflow: {
    getHandle: (workflowId: string) => ({
      describe: () => Promise.reject(new WorkflowNotFoundError('none', workflowId, undefined)),
    }),
    start: (type: string, options: Omit<Started, 'type'>) => {
      started.push({ type, ...options });
      return Promise.resolve();
    },
    list: () =>
      started.map((one) => ({ ...one, status: { name: 'RUNNING' }, startTime: new Date() })).slice(-1),
  },
} as unknown as Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-again-'));
  store = openStore(`file:${join(folder, 'store')}`);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const config = (more: object = {}, dataset: object = { format: 'digits', root: join(folder, 'digits') }) => ({
  ...tinyConfig('/nowhere', join(folder, 'store'), { methods: ['mm', 'b-mm', 'mm'], seeds: [1, 2] }),
  dataset,
  ...more,
});
const found = (runId: string, more: Partial<FoundRun> = {}): FoundRun => ({
  ...{ runId, workflowId: `${runId}/run`, storeUri: store.uri, type: WORKFLOWS.rebuildAndTrain },
  ...{ state: 'failed', startedAt: new Date(), closedAt: new Date(), ...more },
});
async function again(run: FoundRun, path: string, value: object): Promise<Started> {
  await store.put(path, JSON.stringify(value));
  const before = await store.get(path);
  await startAgain(client, run, store);
  expect(await store.get(path)).toEqual(before);
  return started.at(-1)!;
}

const RANGES = { stream: { ranges: [{ partition: 0, from: 0, to: 9 }] } };
const NOWHERE = { format: 'folder', root: '/nowhere', classes: ['a', 'b'] };

it('a run with plug-ins, which this process has not bundled, starts from what is stored', async () => {
  const plugins = [{ file: './own/mix.ts', sha256: 'a'.repeat(64) }];
  const { type, args, memo } = await again(
    found('plugged'),
    storePaths.runConfig('plugged'),
    config({ plugins, notify: { webhook: { url: 'http://127.0.0.1:1/' } } }),
  );
  expect(type).toBe(WORKFLOWS.rebuildAndTrain);
  expect(args).toEqual([
    { storeUri: store.uri, runId: 'plugged', methods: ['mm', 'b-mm'], seeds: [1, 2], notifies: true },
  ]);
  expect(memo).toEqual({ runId: 'plugged', storeUri: store.uri, source: 'dataset' });
});

it('what was trained from the stream is again, without its clips there', async () => {
  const path = storePaths.runConfig('streamed');
  // Of a release that did not note where clips came from.
  const first = await again(found('streamed'), path, config(RANGES, NOWHERE));
  expect(first.args).toEqual([expect.objectContaining({ source: 'stream' })]);
  const [noted] = await listRuns(client);
  expect(noted?.source).toBe('stream');
  const second = await again(found('streamed', noted), path, config(RANGES, NOWHERE));
  expect(second.args).toEqual(first.args);
});

it('ranges in the config of a run on its dataset change nothing', async () => {
  const run = found('both', { source: 'dataset' });
  const { args } = await again(run, storePaths.runConfig('both'), config(RANGES));
  expect(args).toEqual([expect.not.objectContaining({ source: 'stream' })]);
  await store.put(storePaths.runConfig('gone'), JSON.stringify(config(RANGES, NOWHERE)));
  await expect(startAgain(client, found('gone', { source: 'dataset' }), store)).rejects.toThrow('/nowhere');
});

it('an experiment and a search tell and track as before', async () => {
  const base = config({
    notify: { webhook: { url: 'http://127.0.0.1:1/' } },
    tracking: { mlflow: { uri: 'http://127.0.0.1:1' } },
  });
  const experiment = experimentConfigSchema.parse({ name: 'compared', base, methods: ['mm'], seeds: [1] });
  const run = found('compared', { type: WORKFLOWS.runExperiment });
  const { type, workflowId, args } = await again(run, storePaths.experimentConfig('compared'), experiment);
  expect([type, workflowId]).toEqual([WORKFLOWS.runExperiment, workflowIds.run('compared')]);
  expect(args).toEqual([{ storeUri: store.uri, runId: 'compared', notifies: true, tracks: true }]);
  const search = {
    ...{ name: 'sought', base, methods: ['mm'], trials: 2 },
    space: { 'training.labelSmoothing': { uniform: [0, 0.2] } },
  };
  const sought = await again(
    found('sought', { type: WORKFLOWS.runSearch }),
    storePaths.searchConfig('sought'),
    search,
  );
  expect(sought.args).toEqual([{ storeUri: store.uri, runId: 'sought', notifies: true, tracks: true }]);
});
