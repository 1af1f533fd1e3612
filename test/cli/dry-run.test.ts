import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DEFAULT_RATES } from '../../cli/dry-run/default-rates.ts';
import { ratesSchema } from '../../bench/sizing/rates.ts';
import { EXIT_CODES } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

const outlookSchema = z.object({
  event: z.literal('dry-run'),
  data: z
    .object({
      clips: z.int(),
      splits: z.record(z.string(), z.int()),
      odd: z.array(z.string()),
      shards: z.object({
        version: z.string(),
        shards: z.int(),
        toBuild: z.int(),
        clipsToExtract: z.int(),
        clipsReused: z.int(),
      }),
    })
    .optional(),
  trainings: z.array(
    z.object({
      trainingId: z.string(),
      method: z.string(),
      seed: z.int(),
      state: z.string(),
      step: z.int().optional(),
      neededBy: z.string().optional(),
    }),
  ),
  cost: z.object({ extractionS: z.number(), trainingS: z.number(), from: z.array(z.string()) }),
});

let project: Project;
let clips: string;
let config: string;

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips({ clipsPerClass: 9 });
  await writeFile(join(clips, 'train', 'high', 'empty.mp4'), '');
  config = await project.config('tiny', tinyConfig(clips, 'store'));
});
afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

/** Without SQLite's journal: the server that runs meanwhile has one now and then. */
const filesOf = async () =>
  (await readdir(project.folder, { recursive: true })).filter((name) => !name.endsWith('.db-journal')).sort();

/** What a dry run says to a script; it must leave every file as it was. */
async function outlook(...words: string[]) {
  const before = await filesOf();
  const { exitCode, stdout, stderr } = await project.modalmix(...words, '--dry-run', '--json');
  expect(stderr).toBe('');
  expect(exitCode).toBe(EXIT_CODES.ok);
  expect(await filesOf()).toEqual(before);
  return outlookSchema.parse(JSON.parse(stdout));
}

describe('--dry-run', () => {
  it('before anything is there: clips by class and split, what is odd, everything new; and writes nothing', async () => {
    const before = await filesOf();
    const { exitCode, stdout } = await project.modalmix('run', clips, '--dry-run');
    expect(exitCode).toBe(EXIT_CODES.ok);
    expect(await filesOf()).toEqual(before);
    expect(stdout).toMatch(/would be written/u);
    expect(stdout).toMatch(/^high +\d+ +\d+ +3$/mu);
    expect(stdout).toMatch(/^all +\d+ +\d+ +6$/mu);
    expect(stdout).toMatch(/Cannot be used: 1 \(.*empty\.mp4: the file is empty\)/u);
    expect(stdout).toContain('Trainings: 2; 2 new.');
    expect(stdout).toContain('By rates of extraction: AMD EPYC');
    expect(stdout).toMatch(/Disk, about: .* of shards, .* of checkpoints and weights/u);
  });

  it('says beforehand which version and shards a run then makes, and afterwards that nothing is left to do', async () => {
    const before = await outlook('run', config);
    expect(before.data).toMatchObject({
      clips: 19,
      splits: { train: 13, validation: 0, test: 6 },
      shards: { clipsToExtract: 18, clipsReused: 0 },
    });
    expect(before.trainings).toMatchObject([{ method: 'b-mm', seed: 0, state: 'new' }]);
    expect(before.cost.extractionS).toBeGreaterThan(0);

    const run = await project.modalmix('run', config, '--json');
    expect(run.exitCode).toBe(EXIT_CODES.ok);
    const store = project.store('store');
    const version = before.data?.shards.version ?? '';
    expect(await store.exists(storePaths.manifest('tiny', version))).toBe(true);
    expect(await store.exists(storePaths.trainingResult(before.trainings[0]!.trainingId))).toBe(true);
    const shards = (await store.list('datasets')).filter((path) => path.endsWith('.arrow'));
    expect(shards).toHaveLength(before.data?.shards.toBuild ?? -1);

    const after = await outlook('run', config);
    expect(after.data?.shards).toMatchObject({ version, toBuild: 0, clipsToExtract: 0 });
    expect(after.trainings).toMatchObject([{ state: 'done' }]);
    expect(after.cost).toMatchObject({ extractionS: 0, trainingS: 0 });
    const { stdout } = await project.modalmix('run', config, '--dry-run');
    expect(stdout).toContain('There is nothing to build and nothing to train.');
  });

  it('reckons from what this store measured, and tells what is found from what is new', async () => {
    // Other seeds are another run, whose dataset is not published for it yet.
    const { exitCode, stderr } = await project.modalmix(
      ...['train', config, '--set', 'training.seeds=[0, 1]', '--dry-run'],
    );
    expect(exitCode).toBe(EXIT_CODES.badInput);
    expect(stderr).toContain(`modalmix rebuild ${config} --set 'training.seeds=[0, 1]'`);
    expect((await outlook('train', config)).trainings).toMatchObject([{ state: 'done' }]);
    const { trainings, cost } = await outlook(
      ...['run', config, '--set', 'training.seeds=[0, 1]', '--set', 'training.methods=[b-mm, umt]'],
    );
    expect(trainings.map(({ method, seed, state, neededBy }) => [method, seed, state, neededBy])).toEqual([
      ['b-mm', 0, 'done', undefined],
      ['b-mm', 1, 'new', undefined],
      ['unimodal', 0, 'new', 'umt'],
      ['umt', 0, 'new', undefined],
      ['unimodal', 1, 'new', 'umt'],
      ['umt', 1, 'new', undefined],
    ]);
    expect(cost.from).toEqual([
      expect.stringMatching(
        /^training: 1 earlier training of this store .*1 threads?\), some of them by other methods$/u,
      ),
    ]);
    // Five trainings of 4 epochs of 13 clips at the measured rate.
    const lines = (await project.store('store').get(storePaths.metrics(trainings[0]!.trainingId))).toString();
    const rates = lines
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { clipsPerS: number }).clipsPerS);
    const [, low = 0, high = 0] = rates.sort((a, b) => a - b);
    expect(cost.trainingS).toBeCloseTo((5 * 4 * 13) / ((low + high) / 2), 6);
  });

  it('finds a training that was begun', async () => {
    const set = ['--set', 'training.epochs=5'];
    const { trainings } = await outlook('run', config, ...set);
    const { trainingId } = trainings[0]!;
    const store = project.store('store');
    await store.put(storePaths.checkpoint(trainingId, 12), 'weights');
    expect((await outlook('run', config, ...set)).trainings).toMatchObject([{ state: 'begun', step: 12 }]);
  });

  it('knows the rows that a longer clip list takes from earlier shards', async () => {
    await rm(join(clips, 'train', 'high', 'empty.mp4'));
    const { data } = await outlook('rebuild', config);
    expect(data?.shards).toMatchObject({ clipsToExtract: 0 });
    expect(data?.shards.toBuild).toBeGreaterThan(0);
    expect(data?.odd.join()).not.toContain('empty.mp4');
    await writeFile(join(clips, 'train', 'high', 'empty.mp4'), '');
  });

  it("counts an experiment's trainings, those of the run among them", async () => {
    const base = tinyConfig(clips, 'store');
    const file = await project.config('bench', {
      ...{ name: 'bench', base, methods: ['b-mm', 'joint'], seeds: [0, 1] },
    });
    const { trainings } = z
      .object({ trainings: outlookSchema.shape.trainings })
      .parse(JSON.parse((await project.modalmix('experiment', file, '--dry-run', '--json')).stdout));
    expect(trainings.map(({ state }) => state).sort()).toEqual(['done', 'new', 'new', 'new']);
  });

  it('is refused where the command would be', async () => {
    const wrong = await project.modalmix('run', config, '--dry-run', '--set', 'training.epohcs=3');
    expect(wrong.exitCode).toBe(EXIT_CODES.badInput);
    expect(wrong.stderr).toContain('--set training.epohcs: there is no such field; did you mean "epochs"?');
    const both = await project.modalmix('run', config, '--dry-run', '--detach');
    expect(both.exitCode).toBe(EXIT_CODES.badInput);
  });
});

it('falls back on the rates that the benches measured', async () => {
  const json = async (path: string): Promise<unknown> =>
    JSON.parse(await readFile(new URL(`../../bench/${path}`, import.meta.url), 'utf8'));
  const sizing = ratesSchema.parse(await json('sizing/rates.json'));
  expect(DEFAULT_RATES.extraction.clipsPerS).toEqual(sizing.extractedClipsPerS);
  expect(DEFAULT_RATES.extraction.cores).toBe(sizing.cores);
  expect(DEFAULT_RATES.extraction.from).toContain(sizing.date);
  const bench = z
    .object({ date: z.string(), figures: z.array(z.object({ name: z.string(), ours: z.array(z.number()) })) })
    .parse(await json('results/amd-epyc-2-cores/training.json'));
  const step = bench.figures.find(({ name }) => name === 'joint, a step')?.ours[0];
  expect(DEFAULT_RATES.training.stepMs).toBe(Math.round(step ?? 0));
  expect(DEFAULT_RATES.training.from).toContain(bench.date);
});
