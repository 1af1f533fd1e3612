/**
 * The whole of streaming as a person has it: commands, the real broker, the real Temporal server. 200 events in
 * three batches become three windows, while one part after the other is struck down.
 */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrivingBatch, BATCHES, type ArrivingBatch } from '../../cli/commands/stream/arriving-clips.ts';
import { embeddedBroker } from '../../infra/kafka/embedded-broker.ts';
import { ensureKafka, stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { streamSettings } from '../../pipelines/streaming/stream-settings.ts';
import { embeddedTemporal } from '../../infra/temporal/embedded-server.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { runIdOf } from '../../pipelines/config/run-id.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { readTrainingSpec } from '../../pipelines/models/open-model.ts';
import { listMoves, listVersions, readCurrent } from '../../pipelines/models/registry.ts';
import { findOutcome, listWindows } from '../../pipelines/models/windows.ts';
import { loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { openShards } from '../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { connectProducer, disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import { listDeadLetters } from '../../pipelines/streaming/dead-letters/dead-letter.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { readStreamStatus } from '../../pipelines/streaming/lag.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import { runTraining } from '../../pipelines/training/run-training.ts';
import { SPLITS } from '../../schemas/clip.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { ENVIRONMENT, storePaths, topicNames } from '../../schemas/names.ts';
import { killWorker, runFiles, until } from '../support/observe.ts';
import { killAll, pidsOf } from '../support/processes.ts';
import { createProject, tinyConfig, type Project, type RunningCommand } from '../support/project.ts';
import { readLiveRows } from '../support/stream-fixture.ts';

const MODEL = 'kept';
const BASE_CLIPS = 90;

let project: Project;
let configFile: string;
let store: Store;
let workers: RunningCommand;
let root: string;
const batches: ArrivingBatch[] = [];

beforeAll(async () => {
  project = await createProject();
  root = join(project.folder, 'arriving');
  await mkdir(root);
  store = project.store('store');
  configFile = await project.config('stream', {
    ...tinyConfig('', 'store', {
      epochs: 3,
      batchSize: 16,
      encoder: { width: 4 },
      checkpoint: { everySteps: 2 },
    }),
    name: 'streamed',
    dataset: {
      ...{ format: 'digits', root: join(project.folder, 'base'), seed: 3, trainClips: 60, testClips: 30 },
      validationShare: 0,
    },
    stream: {
      topicPrefix: 'retrain',
      allowedRoots: [root],
      topics: { partitions: 4 },
      ingest: { concurrency: 1, maxInFlight: 8 },
      sink: { flushRows: 9, flushS: 0.5 },
      retrain: {
        model: MODEL,
        window: { clips: 60, minutes: 60 },
        fineTune: { epochs: 6, learningRate: 0.001 },
        gate: { minGain: -0.02, margin: 1, minNewGain: -1 },
      },
    },
  });
}, 300_000);

afterAll(async () => {
  workers.kill('SIGTERM');
  await workers;
  await stopKafka();
  await project.end();
}, 300_000);

async function send(batch: ArrivingBatch): Promise<void> {
  const { connection } = await ensureKafka();
  const producer = await connectProducer(connection, 'test', { dr_cb: true });
  try {
    await deliver(producer, batch.records);
  } finally {
    await disconnect(producer);
  }
}

/** Strikes at a moment between 0 and `withinMs` from now, again until something was there to be struck. */
async function strike(what: string, pids: () => number[], withinMs = 1_500): Promise<void> {
  await sleep(Math.random() * withinMs);
  await until(`${what} to strike`, () => killAll(pids()) > 0, workers);
}

const home = () => process.env[ENVIRONMENT.home] ?? '';
const ofRole = (role: string) => () => pidsOf(home(), 'stream-worker-main', `--role ${role}`);

async function windowDone(number: number): Promise<void> {
  await until(
    `window ${String(number)} to be done with`,
    async () => (await findOutcome(store, MODEL, number)) !== undefined,
  );
}

async function clipsOf(manifest: DatasetManifest): Promise<string[]> {
  const ids: string[] = [];
  for (const split of SPLITS) {
    const shards = await openShards({ store, manifest, split, modalities: ['rgb'] });
    ids.push(...shards.clipIds);
    shards.close();
  }
  return ids.sort();
}

describe('a model kept trained by a stream', () => {
  it('learns each of three batches while every part is struck down in turn', async () => {
    const run = await project.modalmix('run', configFile);
    expect(run.stderr).toBe('');
    expect(run.exitCode).toBe(0);
    workers = project.start('stream', 'work', 'all', '--config', configFile);
    expect((await project.modalmix('stream', 'retrain', configFile, '--detach')).exitCode).toBe(0);
    const { connection } = await ensureKafka();
    const config = await loadConfig(configFile);
    const topics = await ensureTopics(connection, config.stream!);
    for (const number of BATCHES.keys()) {
      batches.push(await arrivingBatch(number + 1, { root, topics, seed: 40 }));
    }

    await send(batches[0]!);
    await strike('ingest', ofRole('ingest'));
    await strike('the sink', ofRole('sink'));
    await strike('the broker', () => {
      const broker = embeddedBroker.running();
      return broker === undefined ? [] : [broker.process.pid];
    });
    await until('the first window', async () => (await listWindows(store, MODEL)).length === 1);
    // In the middle of the fine-tuning, and again while the second window's clips arrive.
    const tuned = async () => (await runFiles(store, /streamed-.*\/checkpoints\/step-/u)).length > 0;
    await until('a checkpoint', tuned);
    await strike('the trainer', () => pidsOf(home(), 'trainer-child.ts'), 500);
    await send(batches[1]!);
    await strike('ingest', ofRole('ingest'));
    killWorker();
    await strike('the Temporal server', () => {
      const server = embeddedTemporal.running();
      return server === undefined ? [] : [server.process.pid];
    });
    await strike('the sink', ofRole('sink'));
    await windowDone(1);
    await windowDone(2);

    await send(batches[2]!);
    await strike('the broker', () => {
      const broker = embeddedBroker.running();
      return broker === undefined ? [] : [broker.process.pid];
    });
    await strike('ingest', ofRole('ingest'));
    await windowDone(3);
  }, 900_000);

  it('has each clip in shards exactly once, as it was sent, with the features that its file gives', async () => {
    const extractor = await createExtractor(console.warn);
    const config = await loadConfig(configFile);
    const { target } = await streamSettings(config, extractor.version);
    const { connection } = await ensureKafka();
    const status = async () => await readStreamStatus(connection, target, store);
    await until('the end of both topics', async () => {
      const { ingest, sink } = await status();
      return [...ingest, ...sink].every(({ lag }) => lag === 0);
    });
    const { manifest, ingest } = await status();
    const rows = await readLiveRows(store, manifest!);
    const sent = batches.flatMap(({ newClips }) => newClips);
    expect(sent).toHaveLength(180);
    expect(rows.map(({ clipId }) => clipId).sort()).toEqual(sent.map(({ clipId }) => clipId).sort());
    for (const { clipId, label, split, features } of rows) {
      const event = sent.find((one) => one.clipId === clipId)!;
      expect([target.classNames[label], split]).toEqual([event.label, event.split]);
      const clip = { clipId, path: new URL(event.uri).pathname, label, split };
      const direct = await extractor.extract(clip, target.extraction);
      expect(Buffer.from(direct.rgb!.data).equals(Buffer.from(features.rgb!.data)), clipId).toBe(true);
      expect(features.audio?.data).toEqual(direct.audio?.data);
    }
    const letters = await listDeadLetters(connection, topicNames('retrain'));
    expect(letters.map(({ code }) => code).sort()).toEqual(
      batches.flatMap(({ unusable }) => unusable).sort(),
    );
    // What is neither a row nor a letter was sent twice.
    const events = ingest.reduce((sum, { end }) => sum + end, 0);
    expect(events).toBe(200);
    expect(events - rows.length - letters.length).toBe(10);
  }, 300_000);

  it('has a window for each batch, and all clips in them exactly once', async () => {
    const windows = await listWindows(store, MODEL);
    expect(windows.map(({ number, newClips, reason }) => [number, newClips, reason])).toEqual([
      ...[1, 2, 3].map((number) => [number, 60, 'clips']),
    ]);
    const shards = windows.flatMap(({ newShards }) => newShards);
    expect(new Set(shards).size).toBe(shards.length);

    const last = (await listVersions(store, MODEL)).at(-1)!;
    const snapshot = await loadManifest(store, last.dataset.name, last.dataset.version);
    const ids = await clipsOf(snapshot);
    expect(ids).toHaveLength(BASE_CLIPS + 180);
    expect(new Set(ids).size).toBe(ids.length);
    const sent = batches.flatMap(({ newClips }) => newClips.map(({ clipId }) => clipId));
    expect(ids.filter((id) => id.startsWith('batch-'))).toEqual(sent.sort());
  }, 120_000);

  it('has a version for each window, and moved to those that the gate let through', async () => {
    const versions = await listVersions(store, MODEL);
    expect(versions.map(({ version, window }) => [version, window])).toEqual([
      [1, undefined],
      ...[1, 2, 3].map((window) => [window + 1, window]),
    ]);
    for (const { comparison, decision, drift } of versions.slice(1)) {
      const { candidate, current } = comparison!.heldOut;
      const gain = candidate.accuracy - current!.accuracy;
      expect(decision!.promoted, decision!.reasons.join('; ')).toBe(gain >= -0.02);
      expect(drift!.classCounts.new.reduce((sum, count) => sum + count, 0)).toBe(60);
    }
    const promoted = versions.filter(({ decision }) => decision?.promoted === true);
    const moves = await listMoves(store, MODEL);
    expect(moves.map(({ to, by }) => [to, by])).toEqual([
      [1, 'first'],
      ...promoted.map(({ version }) => [version, 'gate']),
    ]);
    expect((await readCurrent(store, MODEL))?.version.version).toBe(promoted.at(-1)?.version ?? 1);

    const listed = await project.modalmix('models', 'list', MODEL, '--config', configFile);
    expect(listed.stderr).toBe('');
    for (const { version } of versions)
      expect(listed.stdout).toMatch(new RegExp(`^.*\\b${String(version)}\\b`, 'mu'));
    const report = (await store.get(storePaths.modelReport(MODEL))).toString();
    for (const { trainingId } of versions) expect(report).toContain(trainingId);
  }, 120_000);

  it('has for each window the weights that an undisturbed training gives', async () => {
    const folder = join(project.folder, 'again');
    await cp(join(project.folder, 'store'), folder, { recursive: true });
    const again = openStore(`file:${folder}`);
    for (const { trainingId, weights } of (await listVersions(store, MODEL)).slice(1)) {
      const spec = await readTrainingSpec(store, trainingId);
      for (const path of await again.list(storePaths.run(trainingId))) await again.delete(path);
      const result = await runTraining({ storeUri: again.uri, spec });
      expect(result.model.sha256).toBe(weights.sha256);
    }
  }, 300_000);

  it('goes back to the version before when a person says so, and the retraining starts from there', async () => {
    const runId = runIdOf(await loadConfig(configFile));
    const before = (await readCurrent(store, MODEL))!.version.version;
    const to = before === 1 ? 2 : 1;
    const promoted = await project.modalmix('models', 'promote', MODEL, String(to), '--config', configFile);
    expect(promoted.stderr).toBe('');
    expect((await readCurrent(store, MODEL))?.version.version).toBe(to);
    const { exitCode } = await project.modalmix('models', 'rollback', MODEL, '--config', configFile);
    expect(exitCode).toBe(0);
    expect((await readCurrent(store, MODEL))?.version.version).toBe(before);
    expect((await project.modalmix('cancel', runId)).exitCode).toBe(0);
    expect((await project.modalmix('status', runId)).stdout).toContain('cancelled');
  }, 120_000);
});
