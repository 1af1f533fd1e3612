import { readFile, rm, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Store } from '../../pipelines/store/store.ts';
import { searchSummarySchema, type SearchSummary } from '../../schemas/config/search.ts';
import { epochMetricsSchema } from '../../schemas/training.ts';
import { killWorker, runFiles, until } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

let project: Project;
let clips: string;
let store: Store;
beforeAll(async () => {
  project = await createProject();
  store = project.store('store');
  clips = await makeTinyClips();
}, 300_000);
afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

const search = (more: object = {}) => ({
  name: 'find',
  base: {
    ...tinyConfig(clips, 'store', { epochs: 4 }),
    dataset: { format: 'folder', root: clips, validationShare: 0.25 },
  },
  methods: ['joint', 'b-mm'],
  space: {
    'training.optimizer.learningRate': { logUniform: [0.0003, 0.01] },
    'training.balance.gamma': { choice: [0.3, 1, 3] },
  },
  trials: 3,
  halving: { factor: 3, minEpochs: 1 },
  ...more,
});

interface Finished {
  readonly summary: SearchSummary;
  readonly configs: Readonly<Record<string, string>>;
}
function finished(stdout: string): Finished {
  const last = JSON.parse(stdout.trim().split('\n').at(-1)!) as Finished;
  return { ...last, summary: searchSummarySchema.parse(last.summary) };
}

/** Of finished trainings, by path: what changes when one is trained again. */
async function results(): Promise<Map<string, string>> {
  const paths = await runFiles(store, /\/result\.json$/u);
  const facts = paths.map(async (path) => {
    const { ino, mtimeNs } = await stat(await store.localFile(path), { bigint: true });
    return [path, `${String(ino)} ${String(mtimeNs)}`] as const;
  });
  return new Map(await Promise.all(facts));
}

describe('modalmix search', () => {
  let first: Finished;

  it('finds a config for each method, though its worker is struck down, and trains nothing twice', async () => {
    const file = await project.config('find', search());
    const running = project.start('search', file);
    await until('two trainings', async () => (await results()).size >= 2, running);
    killWorker();
    const before = await results();
    const { exitCode, stdout, stderr } = await running;
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('3 trials, of joint, b-mm; at most 7 epochs each');
    expect(stdout).toMatch(/✔ train trials: +8\/8 items/u);
    expect(stdout).toMatch(
      /method +trial +epochs +accuracy +loss +learningRate +gamma\n.*\njoint +\d +4 .*\nb-mm +\d +4 /u,
    );
    const page = /^Report: (.*)$/mu.exec(stdout)![1]!;
    expect(await readFile(page, 'utf8')).toContain('Modalmix search');

    const after = await results();
    expect(after.size).toBe(8);
    for (const [path, facts] of before) expect(after.get(path), path).toBe(facts);

    // Asked again, it finds everything done.
    const again = await project.modalmix('search', file, '--json');
    expect(again.exitCode).toBe(0);
    expect(await results()).toEqual(after);
    first = finished(again.stdout);
    expect(first.summary.rungs).toEqual([
      { epochs: 1, trials: 3 },
      { epochs: 4, trials: 1 },
    ]);
    for (const { trials, failed, epochs, best } of first.summary.methods) {
      expect([trials, failed, epochs, best.length]).toEqual([3, 0, 7, 1]);
    }
  }, 300_000);

  it('chooses by the validation split, and never looks at the test split', async () => {
    expect(await runFiles(store, /\/evaluation\.json$/u)).toEqual([]);
    const lines = await Promise.all(
      (await runFiles(store, /\/metrics\.jsonl$/u)).map(async (path) =>
        (await store.get(path)).toString('utf8').trim().split('\n'),
      ),
    );
    const metrics = lines.flat().map((line) => epochMetricsSchema.parse(JSON.parse(line)));
    expect(metrics).toHaveLength(14);
    for (const { test, validation } of metrics) {
      expect(test).toBeUndefined();
      expect(validation).toBeDefined();
    }
    const [path] = (await store.list('searches')).filter((one) => one.endsWith('/result.csv'));
    const [header, ...rows] = (await store.get(path!)).toString('utf8').trim().split('\r\n');
    expect(header).toBe(
      'method,trial,epochs,seed,training_id,state,validation_accuracy,validation_loss,seconds,reason,training.optimizer.learningRate,training.balance.gamma',
    );
    const cells = rows.map((row) => row.split(','));
    expect(cells).toHaveLength(8);
    for (const method of ['joint', 'b-mm']) {
      const short = cells.filter(([name, , epochs]) => name === method && epochs === '1');
      const best = [...short].sort(
        (a, b) => Number(b[6]) - Number(a[6]) || Number(a[7]) - Number(b[7]) || Number(a[1]) - Number(b[1]),
      )[0]!;
      const long = cells.find(([name, , epochs]) => name === method && epochs === '4')!;
      expect(long[1]).toBe(best[1]);
    }
  });

  it('leaves a config that `modalmix run` takes, and whose training it uses', async () => {
    const before = await results();
    const file = first.configs['b-mm']!;
    const { training } = parse(await readFile(file, 'utf8')) as {
      training: { optimizer: { learningRate: number }; balance: { gamma: number }; methods: string[] };
    };
    const [best] = first.summary.methods.find(({ method }) => method === 'b-mm')!.best;
    expect(training.methods).toEqual(['b-mm']);
    expect(training.optimizer.learningRate).toBe(best!.values['training.optimizer.learningRate']);
    expect(training.balance.gamma).toBe(best!.values['training.balance.gamma']);
    const run = await project.modalmix('run', file);
    expect(run.stderr).toBe('');
    expect(run.exitCode).toBe(0);
    expect(await results()).toEqual(before);
    expect(await runFiles(store, /\/evaluation\.json$/u)).toHaveLength(1);
  }, 300_000);

  it('with more trials keeps those that are done', async () => {
    const before = await results();
    const more = await project.modalmix(
      'search',
      await project.config('more', search({ trials: 4 })),
      '--json',
    );
    expect(more.exitCode).toBe(0);
    const after = await results();
    for (const [path, facts] of before) expect(after.get(path), path).toBe(facts);
    // The fourth trial of each method, and at most one that now goes on instead of another.
    const added = after.size - before.size;
    expect(added).toBeGreaterThanOrEqual(2);
    expect(added).toBeLessThanOrEqual(4);
    expect(finished(more.stdout).summary.methods.map(({ trials }) => trials)).toEqual([4, 4]);
  }, 300_000);

  it('says by line and field what is wrong, before anything is started', async () => {
    const file = await project.config(
      'wrong',
      search({ space: { 'training.optimizer.rate': { uniform: [0, 1] } } }),
    );
    const { exitCode, stderr } = await project.modalmix('search', file);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/line \d+, space\.training\.optimizer\.rate: there is no such field/u);
  });
});
