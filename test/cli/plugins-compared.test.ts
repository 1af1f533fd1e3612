import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { experimentSummarySchema } from '../../schemas/config/experiment.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { killWorker, runFiles, until, weights } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

let project: Project;
let clips: string;
let store: Store;
beforeAll(async () => {
  project = await createProject();
  store = project.store('store');
  clips = await makeTinyClips();
  await cp(join(PROJECT_FOLDER, 'examples', 'plugins'), join(project.folder, 'own'), { recursive: true });
}, 600_000);
afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

const base = (alpha: number) => ({
  ...tinyConfig(clips, 'store', {
    epochs: 2,
    encoder: { kind: 'x-thin-net' },
    optimizer: { name: 'x-lion', learningRate: 0.001 },
  }),
  dataset: { format: 'folder', root: clips, validationShare: 0.25 },
  plugins: [{ file: './own/partner-mix.ts', settings: { alpha } }, './own/thin-net.ts', './own/lion.ts'],
});
const trained = async () => (await runFiles(store, /\/result\.json$/u)).length;

it('an experiment trains by plug-ins, though its worker is struck down, and what another version changes anew', async () => {
  const matrix = (alpha: number) => ({
    ...{ name: 'bench', base: base(alpha), methods: ['x-partner-mix', 'joint'], seeds: [0] },
  });
  const file = await project.config('bench', matrix(0.5));
  const running = project.start('experiment', file, '--json');
  await until('a training', async () => (await trained()) >= 1, running);
  killWorker();
  const { exitCode, stdout, stderr } = await running;
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  const last = JSON.parse(stdout.trim().split('\n').at(-1)!) as { summary: unknown };
  const { cells, rows } = experimentSummarySchema.parse(last.summary);
  expect(cells).toEqual({ done: 2, failed: 0, 'not applicable': 0, missing: 0 });
  expect(rows.map(({ method }) => method)).toEqual(['x-partner-mix', 'joint']);
  const before = await weights(store);
  expect(before).toHaveLength(2);

  const other = await project.modalmix('experiment', await project.config('other', matrix(2)), '--json');
  expect(other.exitCode).toBe(0);
  const after = await weights(store);
  expect(after).toHaveLength(3);
  for (const one of before) expect(after).toContainEqual(one);
}, 600_000);

it('a search trains by plug-ins, though its worker is struck down, and its config uses what was found', async () => {
  const start = await trained();
  const file = await project.config('find', {
    ...{ name: 'find', base: base(0.5), methods: ['x-partner-mix'], trials: 3 },
    space: { 'training.optimizer.learningRate': { choice: [0.0003, 0.001, 0.003] } },
    halving: { factor: 2, minEpochs: 1 },
  });
  const running = project.start('search', file, '--json');
  await until('a training', async () => (await trained()) > start, running);
  killWorker();
  const { exitCode, stdout, stderr } = await running;
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  const { configs, summary } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    configs: Record<string, string>;
    summary: { rungs: { trials: number }[] };
  };
  const trials = summary.rungs.reduce((sum, rung) => sum + rung.trials, 0);
  expect(trials).toBeGreaterThan(3);
  expect(await trained()).toBe(start + trials);
  const all = await weights(store);

  const run = await project.modalmix('run', configs['x-partner-mix']!);
  expect(run.stderr).toBe('');
  expect(run.exitCode).toBe(0);
  expect(run.stdout).toMatch(/^x-partner-mix /mu);
  expect(await weights(store)).toEqual(all);
}, 600_000);
