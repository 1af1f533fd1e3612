import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  defineConfig,
  evaluate,
  ModalmixError,
  openDataset,
  openStore,
  predict,
  readEvaluation,
  readMetrics,
  readRun,
  readSummary,
  readTraining,
  listRuns,
  rebuild,
  run,
  train,
  type ConfigInput,
  type DatasetRow,
  type Progress,
} from '../../api/index.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

let project: Project;
let clips: string;

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips({ clipsPerClass: 9 });
}, 300_000);
afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

const configOf = (store: string, training: object = {}) =>
  defineConfig(tinyConfig(clips, store, { epochs: 2, ...training }) as ConfigInput);

describe('the API', () => {
  it('rebuilds, trains and evaluates, tells its progress, and reads what came of it', async () => {
    const config = configOf('stages');
    const options = { folder: project.folder };
    const built = await (await rebuild(config, options)).result();
    expect(built.clips).toBe(18);
    expect(built.manifest.classNames).toEqual(['high', 'low']);

    const told: Progress[] = [];
    const job = await train(config, options);
    for await (const progress of job) told.push(progress);
    const [trained] = await job.result();
    expect(told.at(-1)!.stages.map(({ stage, state }) => [stage, state])).toEqual([['train', 'done']]);
    // 12 training clips, 4 a batch, 2 epochs.
    expect(trained!.steps).toBe(6);
    const [judged] = await (await evaluate(config, options)).result();
    expect(judged).toMatchObject({ trainingId: trained!.trainingId, samples: 6 });

    const store = openStore(job.store);
    expect(store.uri).toBe(`file://${join(project.folder, 'stages')}`);
    const stored = await readRun(store, job.runId);
    expect(stored).toMatchObject({
      dataset: built.dataset,
      trainings: [{ trainingId: trained!.trainingId, method: 'b-mm', seed: 0 }],
    });
    expect((await readMetrics(store, trained!.trainingId)).map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect((await readTraining(store, trained!.trainingId)).model.sha256).toBe(trained!.weightsSha256);
    expect((await readEvaluation(store, trained!.trainingId)).fused.accuracy).toBe(judged!.accuracy);

    const rows: DatasetRow[] = [];
    for await (const row of (await openDataset(store, built.dataset)).rows('test')) rows.push(row);
    expect(rows.map(({ clipId, className }) => clipId.includes(`/${className}/`))).toEqual(
      Array<boolean>(6).fill(true),
    );
    for (const { audio, rgb } of rows) {
      expect(audio!.shape[0]).toBe(65);
      expect(rgb!.data).toHaveLength(rgb!.shape.reduce((product, size) => product * size, 1));
    }
    await expect(readSummary(store, job.runId)).rejects.toThrow('there is no such report of this run');
  });

  it('runs the whole job; its model answers clips, and says why it cannot answer one', async () => {
    const job = await run(configOf('whole'), { folder: project.folder });
    const { scores, page, runId } = await job.result();
    expect(scores.rows.map(({ method }) => method)).toEqual(['b-mm']);
    expect(page).toBe(join(project.folder, 'whole', 'runs', runId, 'report', 'index.html'));
    expect(await listRuns(openStore(job.store))).toEqual([runId]);

    const files = [join(clips, 'test', 'high', 'high-000.mp4'), join(clips, 'gone.mp4')];
    const { facts, predictions } = await predict(files, { store: job.store });
    expect(facts.classNames).toEqual(['high', 'low']);
    expect(predictions.map((one) => ('problem' in one ? one.problem.code : one.path))).toEqual([
      files[0],
      'missing-file',
    ]);
  });

  it('joins a job that runs, stops following it, and cancels it', async () => {
    const config = configOf('long', { epochs: 5_000 });
    const first = await run(config, { folder: project.folder });
    const stop = new AbortController();
    const second = await run(config, { folder: project.folder, signal: stop.signal });
    stop.abort();
    await expect(second.result()).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(second.result()).rejects.toThrow('the job runs on');
    await first.cancel();
    await expect(first.result()).rejects.toThrow('the run was cancelled');
  });

  it('names what is wrong in a config, and starts nothing', async () => {
    const wrong = configOf('wrong', { epochs: 0, batchsize: 4 });
    const failed = await run(wrong).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ModalmixError);
    expect(failed).toMatchObject({ kind: 'config' });
    expect((failed as Error).message).toContain('training.epochs: is 0; it must be more than 0');
    expect((failed as Error).message).toContain(
      'training.batchsize: there is no such field; did you mean "batchSize"?',
    );
    await expect(train(configOf('unbuilt'), { folder: project.folder })).rejects.toThrow(
      'its dataset has not been built',
    );
  });
});
