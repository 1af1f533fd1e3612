import { access, readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { experimentSummarySchema } from '../../schemas/config/experiment.ts';
import { runFiles, weights } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

let project: Project;
let clips: string;
beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips();
}, 300_000);
afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

describe('modalmix experiment', () => {
  it('goes from clips to a table and a page, and uses again what is done', async () => {
    const base = tinyConfig(clips, 'store', { epochs: 2 });
    const matrix = (more: object) => ({ name: 'bench', base, methods: ['joint', 'mm'], seeds: [0], ...more });
    const first = await project.modalmix('experiment', await project.config('bench', matrix({})));
    expect(first.stderr).toBe('');
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(/✔ train and evaluate: +2\/2 items/u);
    expect(first.stdout).toMatch(
      /method +fused +audio +rgb +audio probe +rgb probe +seeds +seconds\n.*\njoint .*\nmm /u,
    );
    const page = /^Report: (.*)$/mu.exec(first.stdout)![1]!;
    expect(await readFile(page, 'utf8')).toContain('Modalmix experiment');

    const store = project.store('store');
    const before = await weights(store);
    const conditions = [
      { name: 'as it is' },
      { name: 'half', data: { keepShare: 0.5 } },
      { name: 'noisy', data: { labelNoise: 0.5 } },
    ];
    const file = await project.config('more', matrix({ conditions }));
    const more = await project.modalmix('experiment', file, '--json');
    expect(more.exitCode).toBe(0);
    const last = JSON.parse(more.stdout.trim().split('\n').at(-1)!) as { summary: unknown };
    const summary = experimentSummarySchema.parse(last.summary);
    expect(summary.cells).toEqual({ done: 6, failed: 0, 'not applicable': 0, missing: 0 });
    const after = await weights(store);
    expect(after).toHaveLength(6);
    // The two of the first experiment are the same files.
    for (const one of before) expect(after).toContainEqual(one);
    for (const report of await runFiles(store, /\/report\/index\.html$/u))
      await access(`${project.folder}/store/${report}`);
    const status = await project.modalmix('status');
    expect(status.stdout).toMatch(/bench-\w+ +runExperiment +completed/u);
  }, 300_000);

  it('splits a dataset into folds, builds each, and tells them in one row', async () => {
    const base = tinyConfig(clips, 'folds', { epochs: 1 });
    const matrix = { name: 'folds', base, methods: ['joint', 'mm'], seeds: [0], folds: { kFold: 2 } };
    const told = await project.modalmix('experiment', await project.config('folds', matrix), '--json');
    expect(told.exitCode).toBe(0);
    const last = JSON.parse(told.stdout.trim().split('\n').at(-1)!) as { summary: unknown };
    const { cells, rows, datasets, contrasts } = experimentSummarySchema.parse(last.summary);
    expect(cells).toEqual({ done: 4, failed: 0, 'not applicable': 0, missing: 0 });
    expect(rows.map(({ method, folds }) => [method, folds])).toEqual([
      ['joint', ['1 of 2', '2 of 2']],
      ['mm', ['1 of 2', '2 of 2']],
    ]);
    expect(new Set(datasets[0]!.versions?.map(({ version }) => version)).size).toBe(2);
    expect(contrasts[0]!.contrasts[0]).toMatchObject({ first: 'mm', second: 'joint', blocks: { count: 2 } });
    expect(contrasts[0]!.contrasts[0]!.groups).toMatchObject({ unit: 'clip', count: datasets[0]!.testClips });
  }, 300_000);
});
