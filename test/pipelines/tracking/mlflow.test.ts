import { fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { followTraining, trackTraining } from '../../../activities/telling/track.ts';
import type { Services } from '../../../activities/services.ts';
import { runStage } from '../../../activities/run-stage.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { MlflowClient, mlflowHeaders } from '../../../pipelines/tracking/mlflow/client.ts';
import { parametersOf } from '../../../pipelines/tracking/mlflow/parameters.ts';
import {
  TRAINING_TAG,
  syncTraining,
  type SyncTrainingInput,
} from '../../../pipelines/tracking/mlflow/sync-training.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { listNotices } from '../../../runs/list-notices.ts';
import { runConfigSchema, type RunConfig } from '../../../schemas/config/config.ts';
import { TASK_QUEUES, storePaths } from '../../../schemas/names.ts';
import type { EpochMetrics, EvaluationResult, TrainingSpec } from '../../../schemas/training.ts';
import { WORKFLOWS, progressKeys, type RebuildAndTrainOutput } from '../../../schemas/workflows.ts';
import { startLossyProxy, type LossyProxy } from '../../support/lossy-proxy.ts';
import { startMlflow, type MlflowServer } from '../../support/mlflow-server.ts';
import { startReceiver } from '../../support/receiver.ts';
import { withScriptedWorkers, type ScriptedActivities } from '../../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';
import { DATASET, resumableTraining } from '../../workflows/scripts.ts';

const SYNC_CHILD = fileURLToPath(new URL('sync-child.ts', import.meta.url));
const MODEL = randomBytes(3_000_001);
const REPORT = '<!doctype html><title>A report</title>';

let mlflow: MlflowServer;
let proxy: LossyProxy;
let folder: string;
let store: Store;
beforeAll(async () => {
  mlflow = await startMlflow();
  proxy = await startLossyProxy(mlflow.uri);
}, 180_000);
afterAll(async () => {
  await proxy.close();
  await mlflow.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-tracking-'));
  store = openStore(pathToFileURL(folder).href);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Of a name of its own: trainings of the same name are the same. */
function configOf(uri: string): RunConfig {
  return runConfigSchema.parse({
    ...{ name: `tracked-${randomUUID().slice(0, 8)}`, store: store.uri },
    dataset: { format: 'folder', root: '/clips' },
    training: { methods: ['b-mm'], seeds: [0], optimizer: { name: 'sgd', learningRate: 0.02 } },
    tracking: { mlflow: { uri } },
  });
}

const specOf = (config: RunConfig): TrainingSpec => trainingSpecs(config, DATASET)[0]!;

function epoch(number: number): EpochMetrics {
  const accuracy = (fused: number) => ({
    ...{ loss: 2 / number, fused },
    branches: { audio: fused - 0.1, rgb: fused - 0.2 },
  });
  return {
    ...{ epoch: number, step: 10 * number, learningRate: 0.02, loss: 1 / number },
    ...{ train: accuracy(0.5 + number / 100), validation: accuracy(0.4 + number / 100) },
    ...{ rho: { audio: 1.5, rgb: 0.5 }, lambda: { audio: 0.3, rgb: 0.7 } },
    ...{ seconds: 2.5, clipsPerS: 40, dataWaitShare: 0.01 },
  };
}

async function putEpochs(spec: TrainingSpec, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, index) => `${JSON.stringify(epoch(index + 1))}\n`);
  await store.put(storePaths.metrics(spec.trainingId), lines.join(''));
}

async function putFiles(spec: TrainingSpec, runId: string): Promise<void> {
  const scores = {
    ...{ samples: 10, accuracy: 0.8, macroF1: 0.75, meanAveragePrecision: 0.7 },
    expectedCalibrationError: 0.05,
  };
  const evaluation: EvaluationResult = {
    ...{ formatVersion: 1, trainingId: spec.trainingId, method: 'b-mm', seed: 0, split: 'test', epoch: 5 },
    ...{ modalities: ['audio', 'rgb'], classNames: ['a', 'b'], fused: scores, dropped: {}, noised: [] },
    branches: { audio: { ...scores, accuracy: 0.6 } },
    ...{ confusion: [], misclassified: [], umap: 'u', features: { train: 'f', test: 'g' } },
  };
  await store.put(storePaths.evaluation(spec.trainingId), JSON.stringify(evaluation));
  await store.put(storePaths.model(spec.trainingId), MODEL);
  await store.put(storePaths.report(runId), REPORT);
}

async function putSpec(spec: TrainingSpec): Promise<void> {
  await store.put(storePaths.runConfig(spec.trainingId), JSON.stringify(spec));
}

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly params: Readonly<Record<string, string>>;
  readonly artifactUri: string;
}

/** The training's runs, as another client of the server sees them. */
async function runsOf(spec: TrainingSpec, experiment: string): Promise<Shown[]> {
  const client = new MlflowClient(mlflow.uri);
  const found = await client.runsByTag(await client.experimentId(experiment), TRAINING_TAG, spec.trainingId);
  return found.map(({ info, data }) => ({
    ...{ id: info.run_id, status: info.status, artifactUri: info.artifact_uri },
    params: Object.fromEntries(data.params.map(({ key, value }) => [key, value])),
  }));
}

async function stepsOf(runId: string, key: string): Promise<[number, number][]> {
  const answer = await mlflow.api(
    `metrics/get-history?run_id=${runId}&metric_key=${encodeURIComponent(key)}`,
  );
  const metrics = (answer['metrics'] ?? []) as { step: number; value: number }[];
  return metrics.map(({ step, value }) => [step, value]);
}

async function artefact({ id, artifactUri }: Shown, path: string): Promise<Buffer> {
  const root = artifactUri.replace('mlflow-artifacts:/', '');
  const response = await fetch(`${mlflow.uri}/api/2.0/mlflow-artifacts/artifacts/${root}/${path}`);
  if (!response.ok) throw new Error(`${id} has no ${path}`);
  return Buffer.from(await response.arrayBuffer());
}

const losses = (epochs: number) => Array.from({ length: epochs }, (_, at) => [at + 1, 1 / (at + 1)]);

describe('a training on an MLflow server', () => {
  it('has its parameters, every epoch, the evaluation, and its files byte for byte', async () => {
    const config = configOf(mlflow.uri);
    const spec = specOf(config);
    await putSpec(spec);
    await putEpochs(spec, 5);
    await putFiles(spec, 'the-run');
    const whole = { store, runId: 'the-run', spec, uri: mlflow.uri, experiment: config.name } as const;
    expect(await syncTraining({ ...whole, state: 'FINISHED' })).toEqual({ notes: [] });

    const [run, ...others] = await runsOf(spec, config.name);
    expect(others).toEqual([]);
    expect(run!.status).toBe('FINISHED');
    expect(run!.params).toEqual(Object.fromEntries(parametersOf(spec)));
    expect(run!.params).toMatchObject({
      ...{ method: 'b-mm', seed: '0', modalities: '["audio","rgb"]', 'dataset.version': 'v1' },
      ...{ 'training.optimizer.name': 'sgd', 'training.optimizer.learningRate': '0.02' },
    });
    expect(await stepsOf(run!.id, 'loss')).toEqual(losses(5));
    expect(await stepsOf(run!.id, 'validation/accuracy-rgb')).toHaveLength(5);
    expect((await stepsOf(run!.id, 'rho/audio')).at(-1)).toEqual([5, 1.5]);
    expect((await stepsOf(run!.id, 'lambda/rgb')).at(-1)).toEqual([5, 0.7]);
    expect(await stepsOf(run!.id, 'evaluation/accuracy')).toEqual([[5, 0.8]]);
    expect((await artefact(run!, 'model/model.safetensors')).equals(MODEL)).toBe(true);
    expect((await artefact(run!, 'report/index.html')).toString()).toBe(REPORT);
    expect(JSON.parse((await artefact(run!, 'config/config.json')).toString())).toEqual(spec);
  });

  it('goes on after the last step that is there, also when nobody heard that it was', async () => {
    const config = configOf(proxy.url);
    const spec = specOf(config);
    await putSpec(spec);
    const sync = async (state: SyncTrainingInput['state']) =>
      await syncTraining({ store, runId: 'r', spec, uri: proxy.url, experiment: config.name, state });
    await putEpochs(spec, 3);
    // Made, and not heard of.
    proxy.lose('runs/create', 1);
    await expect(sync('RUNNING')).rejects.toMatchObject({ kind: 'transient' });
    // Parameters, then metrics.
    proxy.lose('runs/log-batch', 2);
    await expect(sync('RUNNING')).rejects.toMatchObject({ kind: 'transient' });
    await putEpochs(spec, 6);
    proxy.lose('runs/log-batch', 1);
    await expect(sync('RUNNING')).rejects.toMatchObject({ kind: 'transient' });
    await sync('FINISHED');
    const before = proxy.asked.length;
    await sync('FINISHED');
    // What is there is not sent again.
    expect(proxy.asked.slice(before).filter((path) => path.includes('log-batch'))).toEqual([]);

    const runs = await runsOf(spec, config.name);
    expect(runs).toHaveLength(1);
    for (const key of ['loss', 'train/accuracy', 'clipsPerS']) {
      expect((await stepsOf(runs[0]!.id, key)).map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  it('is there once, and every epoch once, when several workers send it at the same time and are killed', async () => {
    const config = configOf(proxy.url);
    const spec = specOf(config);
    await putSpec(spec);
    await putEpochs(spec, 40);
    await putFiles(spec, 'r');
    const input = { storeUri: store.uri, spec, uri: proxy.url, experiment: config.name };
    const start = () => {
      const child = fork(SYNC_CHILD, { execArgv: ['--import', 'tsx'], stdio: 'ignore' });
      child.send(input);
      return child;
    };
    const killed = [start(), start()];
    const before = proxy.asked.length;
    // In the midst of it.
    await vi.waitFor(() => expect(proxy.asked.slice(before).join()).toContain('log-batch'), 60_000);
    for (const child of killed) child.kill('SIGKILL');
    const workers = [start(), start()];
    for (const child of workers) {
      if (child.exitCode === null) await once(child, 'exit');
    }
    await syncTraining({ store, runId: 'r', ...input, state: 'FINISHED' });

    const runs = await runsOf(spec, config.name);
    expect(runs).toHaveLength(1);
    expect(await stepsOf(runs[0]!.id, 'loss')).toEqual(losses(40));
    expect(await stepsOf(runs[0]!.id, 'evaluation/accuracy')).toEqual([[5, 0.8]]);
  });

  it('is sent with a token, or a name and a password, of the environment, and nowhere else are they', () => {
    const credentials = { MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'pässword' };
    expect(mlflowHeaders({})).toEqual({});
    expect(mlflowHeaders({ MLFLOW_TRACKING_TOKEN: 't' })).toEqual({ authorization: 'Bearer t' });
    const encoded = Buffer.from('me:pässword').toString('base64');
    expect(mlflowHeaders(credentials)).toEqual({ authorization: `Basic ${encoded}` });
  });

  it('says what to do where the address is no MLflow server, or refuses', async () => {
    const config = configOf(mlflow.uri);
    const spec = specOf(config);
    const sync = async (uri: string) =>
      await syncTraining({ store, runId: 'r', spec, uri, experiment: 'e', state: 'RUNNING' });
    const other = await startReceiver(() => ({ status: 401 }));
    await expect(sync(other.url)).rejects.toMatchObject({
      ...{ kind: 'config', where: other.url, message: 'it answered experiments/get-by-name with 401' },
      fix: 'Check the address and the credentials.',
    });
    await other.close();
    await expect(sync(other.url)).rejects.toMatchObject({ kind: 'transient' });
  });

  it('is the same training, whether it is tracked or not', () => {
    const config = configOf(mlflow.uri);
    const { tracking: _, ...untracked } = config;
    expect(specOf(config)).toEqual(specOf(untracked));
  });
});

describe('a run whose config names an MLflow server', () => {
  let temporal: TestServer;
  beforeAll(async () => {
    temporal = await startTestServer();
  });
  afterAll(async () => {
    await temporal.stop();
  });

  /** Scripted training and real tracking. */
  async function run(
    config: RunConfig,
    body: (runId: string, output: RebuildAndTrainOutput) => Promise<void>,
    over: Partial<ScriptedActivities> = {},
  ) {
    const spec = specOf(config);
    const runId = config.name;
    await store.put(storePaths.runConfig(runId), JSON.stringify(config));
    await putSpec(spec);
    const { script } = resumableTraining(1);
    const services = { openStore } as Services;
    const real: Partial<ScriptedActivities> = {
      ...script,
      train: async (input) =>
        await runStage(progressKeys.train, async () => {
          await putEpochs(spec, 2);
          // What follows it has seen that by then.
          await vi.waitFor(async () => {
            const [seen] = config.tracking?.mlflow.uri === mlflow.uri ? await runsOf(spec, config.name) : [];
            if (config.tracking?.mlflow.uri === mlflow.uri) expect(seen?.status).toBe('RUNNING');
          }, 30_000);
          await putEpochs(spec, 5);
          return await script.train(input);
        }),
      writeReport: async () => {
        await putFiles(spec, runId);
        return { report: storePaths.report(runId), summary: storePaths.summary(runId) };
      },
      followTraining: async (input) => {
        await followTraining(services, input);
      },
      trackTraining: async (input) => await trackTraining(services, input),
      ...over,
    };
    await withScriptedWorkers(temporal.address, real, async () => {
      const handle = await temporal.client.workflow.start(WORKFLOWS.rebuildAndTrain, {
        workflowId: runId,
        taskQueue: TASK_QUEUES.control,
        args: [
          {
            ...{ storeUri: store.uri, runId, heartbeatTimeoutMs: 3_000, tracks: true },
            ...{ methods: ['b-mm'], seeds: [0] },
          },
        ],
      });
      await body(runId, (await handle.result()) as RebuildAndTrainOutput);
    });
  }

  it('has its trainings there when it ends, with the report', async () => {
    const config = configOf(mlflow.uri);
    await run(config, async (_, output) => {
      expect(output.warnings).toBeUndefined();
      const [found, ...others] = await runsOf(specOf(config), config.name);
      expect(others).toEqual([]);
      expect(found!.status).toBe('FINISHED');
      expect(await stepsOf(found!.id, 'loss')).toEqual(losses(5));
      expect((await artefact(found!, 'report/index.html')).toString()).toBe(REPORT);
    });
  });

  it('waits with its end for what is still sent from the end of its training', async () => {
    const config = configOf(mlflow.uri);
    let sent = 0;
    await run(
      config,
      async (_, output) => {
        expect(output.warnings).toBeUndefined();
        expect(sent).toBe(2);
        const [found] = await runsOf(specOf(config), config.name);
        expect((await artefact(found!, 'report/index.html')).toString()).toBe(REPORT);
      },
      {
        trackTraining: async (input) => {
          sent += 1;
          // The report is written by then, and was not when this one was asked for.
          if (sent === 1) await runStage(progressKeys.track, async () => await sleep(4_000));
          return await trackTraining({ openStore } as Services, input);
        },
      },
    );
  });

  it('ends all the same when that server is away, says so, and sends it later', async () => {
    const away = await startReceiver(() => ({ status: 503 }));
    const config = configOf(away.url);
    await run(config, async (runId, output) => {
      expect(output.warnings).toEqual([
        `MLflow does not have all of b-mm seed 0 yet; it is tried again for a day: modalmix status ${runId}`,
      ]);
      const [notice] = await listNotices(temporal.client, runId);
      expect(notice).toMatchObject({ what: 'tracking', state: 'running' });
      expect(notice!.reason).toContain('it answered experiments/get-by-name with 503');
      // It comes back, at the same address as far as the run knows.
      const back = { ...config, tracking: { mlflow: { uri: mlflow.uri } } };
      await store.put(storePaths.runConfig(runId), JSON.stringify(back));
      await vi.waitFor(
        async () => {
          const [found] = await runsOf(specOf(config), config.name);
          expect(found?.status).toBe('FINISHED');
        },
        { timeout: 90_000, interval: 500 },
      );
      const [found] = await runsOf(specOf(config), config.name);
      expect(await stepsOf(found!.id, 'loss')).toEqual(losses(5));
    });
    await away.close();
  }, 180_000);
});
