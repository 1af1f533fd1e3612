/**
 * Makes the store that `store.test.ts` opens with later code, by the commands as they are now:
 * `nice npx tsx test/upgrades/make-store.ts <name>`. A store that is there is never made again: it is what that release left.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { ensureTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { runIdOf } from '../../pipelines/config/run-id.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { findOutcome } from '../../pipelines/models/windows.ts';
import { findRunDataset } from '../../pipelines/shards/manifest/load-manifest.ts';
import { getStoredLines } from '../../pipelines/store/stored-json.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { trainModel } from '../../pipelines/training/train-model.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { epochMetricsSchema, type TrainingSpec } from '../../schemas/training.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { encodeHistory } from '../workflows/recorded-history.ts';
import { packFolder } from './packed-folder.ts';

const FOLDER = new URL('./stores/', import.meta.url);
const CLIPS_PER_CLASS = 12;
const BASE_PER_CLASS = 9;
const MODEL = 'kept';
const TRAINING = {
  methods: ['joint', 'b-mm'],
  epochs: 3,
  encoder: { kind: 'cnn', width: 2 },
  checkpoint: { everySteps: 2, keepLast: 1 },
};
/** Of the training that is left in the middle. */
const LEFT_SEED = 7;
const LEFT_AFTER_REPORTS = 4;

const name = process.argv[2];
if (name === undefined) throw new Error('say what the store is called, e.g. 2026-11-30');
const target = new URL(`${name}.store.br`, FOLDER);
if (existsSync(target)) throw new Error(`${target.pathname} is there: it is never made again`);

const project = await createProject();
try {
  const made = join(project.folder, 'made');
  await makeClips(made);
  const config = await project.config('run', runConfig(made));
  await modalmix(project, 'run', config);
  const base = runConfig(made);
  await modalmix(project, 'experiment', await project.config('experiment', experimentOf(base)));
  await modalmix(project, 'search', await project.config('search', searchOf(base)));
  await stream(project, made, config);
  const store = openStore(`file:${join(made, 'store')}`);
  const left = await leaveTraining(project, store, config);
  const runId = runIdOf(await loadConfig(config));
  const ofRun = ['--run', runId, '--store', store.uri];
  const predicted = await modalmix(project, 'predict', 'made/new', ...ofRun, '--classes', '--json');
  await writeHistories(join(made, 'histories'));
  const expected = { runId, model: MODEL, left, folder: made, predicted: linesOf(predicted) };
  await writeFile(join(made, 'expected.json'), `${JSON.stringify(expected, undefined, 1)}\n`);
  await cp(config, join(made, 'run.yaml'));
  console.log(await modalmix(project, 'verify', '--store', store.uri));
  await mkdir(FOLDER, { recursive: true });
  // Pages are 0.7 MB each, and nothing reads them again.
  for (const page of (await store.list('')).filter((path) => path.endsWith('/report/index.html')))
    await store.delete(page);
  const packed = await packFolder(made);
  await writeFile(target, packed);
  console.log(`${target.pathname}: ${String(packed.length)} bytes`);
} finally {
  await stopKafka();
  await project.end();
}

async function makeClips(folder: string): Promise<void> {
  const all = await makeTinyClips({ clipsPerClass: CLIPS_PER_CLASS });
  await mkdir(folder, { recursive: true });
  await cp(all, join(folder, 'clips'), { recursive: true });
  await rm(all, { recursive: true });
  for (const label of ['high', 'low']) {
    await mkdir(join(folder, 'new', label), { recursive: true });
    for (let i = BASE_PER_CLASS; i < CLIPS_PER_CLASS; i += 1) {
      const clip = `${label}-${String(i).padStart(3, '0')}.mp4`;
      await rename(join(folder, 'clips/train', label, clip), join(folder, 'new', label, clip));
    }
  }
}

function runConfig(folder: string): object {
  const tiny = tinyConfig(join(folder, 'clips'), join(folder, 'store'), TRAINING);
  return {
    ...tiny,
    dataset: { format: 'folder', root: join(folder, 'clips'), validationShare: 0.25 },
    stream: {
      allowedRoots: [join(folder, 'new')],
      topics: { partitions: 2 },
      ingest: { concurrency: 1, maxInFlight: 4 },
      sink: { flushRows: 4, flushS: 0.5 },
      retrain: {
        model: MODEL,
        window: { clips: 4, minutes: 60 },
        fineTune: { epochs: 1 },
        gate: { minGain: -1, minNewGain: -1, minClips: 1, minNewClips: 1 },
      },
    },
  };
}

/** Its first condition is the run itself. */
function experimentOf(run: object): object {
  const { stream: _, ...base } = run as { stream: object };
  return {
    ...{ name: 'compared', base, methods: ['joint', 'b-mm'], seeds: [0] },
    conditions: [{ name: 'as it is' }, { name: 'half', data: { keepShare: 0.5 } }],
  };
}

function searchOf(run: object): object {
  const { stream: _, ...base } = run as { stream: object };
  return {
    ...{ name: 'found', base, methods: ['joint'], trials: 2 },
    space: { 'training.optimizer.learningRate': { logUniform: [0.0003, 0.01] } },
  };
}

async function stream(project: Project, folder: string, config: string): Promise<void> {
  const store = openStore(`file:${join(folder, 'store')}`);
  await modalmix(project, 'stream', 'work', 'all', '--detach', '--config', config);
  await modalmix(project, 'stream', 'send', join(folder, 'new'), '--config', config);
  await modalmix(project, 'stream', 'retrain', config, '--detach');
  while ((await findOutcome(store, MODEL, 1)) === undefined) await sleep(1_000);
  await modalmix(project, 'stream', 'stop', '--config', config);
}

/** @returns the training that was left in the middle, and what comes of it when it is not */
async function leaveTraining(project: Project, store: Store, configFile: string) {
  const config = await loadConfig(configFile);
  const dataset = (await findRunDataset(store, runIdOf(config)))!;
  const [spec] = trainingSpecs(
    { ...config, training: { ...config.training, methods: ['b-mm'], seeds: [LEFT_SEED] } },
    dataset,
  ) as [TrainingSpec];
  const other = join(project.folder, 'undisturbed');
  await cp(new URL(store.uri), other, { recursive: true });
  const undisturbed = openStore(`file:${other}`);
  const result = await trainModel({
    ...{ store: undisturbed, spec, report: () => undefined, stopRequested: () => false },
  });
  const metrics = await getStoredLines(undisturbed, storePaths.metrics(spec.trainingId), epochMetricsSchema);
  let reports = 0;
  try {
    await trainModel({
      ...{ store, spec, report: () => void (reports += 1) },
      stopRequested: () => reports >= LEFT_AFTER_REPORTS,
    });
    throw new Error('the training was to be left in the middle, and is complete');
  } catch (error) {
    if (!(error instanceof ModalmixError && error.kind === 'cancelled')) throw error;
  }
  return { trainingId: spec.trainingId, steps: result.steps, sha256: result.model.sha256, metrics };
}

async function writeHistories(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { connection, namespace } = await ensureTemporal();
  const client = new Client({ connection: await Connection.connect(connection), namespace });
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const file = `${type}-${workflowId.replaceAll('/', '+')}-${runId.slice(0, 8)}.json`;
    await writeFile(join(folder, file), encodeHistory(history));
  }
}

async function modalmix(project: Project, ...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await project.modalmix(...words);
  console.log(`modalmix ${words.join(' ')}: ${String(exitCode)}\n${stderr}`);
  if (exitCode !== 0) throw new Error(`${stdout}\n${stderr}`);
  return stdout;
}

function linesOf(text: string): unknown[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}
