import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { PROJECT_FOLDER } from '../../../infra/folders.ts';
import { loadConfig } from '../../../pipelines/config/load-config.ts';
import { loadExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { groupsOf } from '../../../pipelines/experiments/matrix.ts';
import { loadSearch } from '../../../pipelines/searches/load-search.ts';
import { trialRun, trialsOf } from '../../../pipelines/searches/trial-config.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';
import { tinyConfig } from '../../support/project.ts';

const DATASET = { name: 'tiny', version: '1' };
const DATA = { format: 'folder', root: 'clips' };
const MIX = { file: './partner-mix.ts', settings: { alpha: 0.5 } };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-compared-'));
  await cp(join(PROJECT_FOLDER, 'examples', 'plugins'), folder, { recursive: true });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const file = async (name: string, value: object): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, stringify(value));
  return path;
};
const base = (training: object = {}, more: object = {}) => ({
  ...tinyConfig('clips', 'store', training),
  plugins: [MIX, './thin-net.ts', './largest.ts', './lion.ts', './side-labels.ts'],
  ...more,
});
const idsOf = (config: RunConfig): string[] =>
  trainingSpecs(config, DATASET).map(({ trainingId }) => trainingId);
const experiment = async (more: object, training: object = {}) =>
  await loadExperiment(
    await file('bench.yaml', {
      ...{ name: 'bench', base: base(training), methods: ['x-partner-mix', 'joint'], seeds: [0] },
      ...more,
    }),
  );
const search = async (more: object, of = base(), name = 'find.yaml') =>
  await loadSearch(
    await file(name, {
      ...{ name: 'find', base: { ...of, dataset: { ...DATA, validationShare: 0.25 } } },
      ...{ methods: ['x-partner-mix'], trials: 2 },
      space: { 'training.optimizer.learningRate': { choice: [0.001, 0.01] } },
      ...more,
    }),
  );

describe('plug-ins of an experiment', () => {
  it('make the trainings that they make in a run', async () => {
    const groups = groupsOf(await experiment({ fusions: ['x-largest', 'sum'] }));
    const run = async (fusion: string) =>
      await loadConfig(
        await file('run.yaml', base({ methods: ['x-partner-mix', 'joint'], seeds: [0], fusion })),
      );
    expect(groups.map(({ fusion }) => fusion)).toEqual(['x-largest', 'sum']);
    expect(groups.map(({ config: { name: _, ...config } }) => idsOf({ ...config, name: 'tiny' }))).toEqual([
      idsOf(await run('x-largest')),
      idsOf(await run('sum')),
    ]);
  });

  it('tell apart the trainings that use them, and no others', async () => {
    const [before] = groupsOf(await experiment({}));
    const changed = base();
    changed.plugins[0] = { ...MIX, settings: { alpha: 2 } };
    const [after] = groupsOf(await experiment({ base: changed }));
    const [mixed, joint] = idsOf(before!.config);
    expect(idsOf(after!.config)[0]).not.toBe(mixed);
    expect(idsOf(after!.config)[1]).toBe(joint);
  });

  it('read its datasets, too', async () => {
    const dataset = { format: 'x-side-labels', root: 'clips' };
    const { datasets } = await experiment({ datasets: [{ name: 'sides', dataset }] });
    expect(datasets![0]!.dataset).toMatchObject({
      ...{ format: 'x-side-labels', root: join(folder, 'clips') },
      plugin: { name: 'side-labels.ts', sha256: expect.stringMatching(/^[0-9a-f]{64}$/u) as string },
    });
  });

  it('have to bring all that its matrix names', async () => {
    const failure = async (...given: Parameters<typeof experiment>) =>
      await experiment(...given).catch((error: unknown) => (error as Error).message);
    expect(await failure({ methods: ['joint', 'x-partner-mx'] })).toBe(
      'methods: no plug-in brings x-partner-mx',
    );
    expect(await failure({ fusions: ['concat', 'x-large'] })).toBe('fusions: no plug-in brings x-large');
    expect(await failure({}, { optimizer: { name: 'x-tiger' } })).toBe(
      'base.training.optimizer.name: no plug-in brings x-tiger',
    );
    const { methods } = await experiment({}, { methods: ['x-not-asked-for'] });
    expect(methods).toEqual(['x-partner-mix', 'joint']);
  });
});

describe('plug-ins of a search', () => {
  it('make the trainings that they make in a run, also where they are drawn', async () => {
    const { config } = await search({
      space: { 'training.fusion': { choice: ['x-largest', 'concat'] } },
    });
    const fusions = trialsOf(config, 'x-partner-mix').map(({ values }) => {
      const { training, plugins } = trialRun(config, 'x-partner-mix', values);
      expect(plugins).toHaveLength(5);
      return training.fusion;
    });
    expect(fusions.toSorted()).toEqual(['concat', 'x-largest']);
    const [trial] = trialsOf(config, 'x-partner-mix');
    const run = trialRun(config, 'x-partner-mix', trial!.values);
    const same = base({
      methods: ['x-partner-mix'],
      seeds: [0],
      watchTest: false,
      fusion: run.training.fusion,
    });
    expect(idsOf(run)).toEqual(idsOf(await loadConfig(await file('same.yaml', same))));
  });

  it('have to bring all that it may draw', async () => {
    const space = { 'training.fusion': { choice: ['x-larger', 'concat'] } };
    await expect(search({ space })).rejects.toThrow('training.fusion: no plug-in brings x-larger');
    await expect(search({ methods: ['x-gone'] })).rejects.toThrow('methods: no plug-in brings x-gone');
  });

  it('may read any setting: what somebody sets is part of a training', async () => {
    const space = { 'training.balance.gamma': { choice: [0.5, 2] } };
    const { config } = await search({ space });
    const ids = trialsOf(config, 'x-partner-mix').map(({ values }) =>
      idsOf(trialRun(config, 'x-partner-mix', values)),
    );
    expect(new Set(ids.flat()).size).toBe(2);
    const plain = await loadConfig(await file('plain.yaml', base({ methods: ['x-partner-mix'] })));
    // As it was before there was anything set.
    const { gamma } = plain.training.balance;
    const named = base({ methods: ['x-partner-mix'], balance: { gamma } });
    expect(idsOf(await loadConfig(await file('named.yaml', named)))).toEqual(idsOf(plain));
  });
});

describe('a config that holds a plug-in to its hash', () => {
  it('is refused when the code is another', async () => {
    const { plugins } = await loadConfig(await file('pinned.yaml', base()));
    const { sha256 } = plugins![0]!;
    const pinned = (hash: string | undefined) => base({}, { plugins: [{ ...MIX, sha256: hash }] });
    const kept = await loadConfig(await file('pinned.yaml', pinned(sha256)));
    expect(kept.plugins![0]!.sha256).toBe(sha256);
    const other = await file('pinned.yaml', pinned('0'.repeat(64)));
    await expect(loadConfig(other)).rejects.toMatchObject({
      kind: 'config',
      where: join(folder, 'partner-mix.ts'),
      message: `plugins: the code is ${sha256!}, and the config is of ${'0'.repeat(64)}`,
    });
  });
});
