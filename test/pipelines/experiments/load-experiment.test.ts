import { describe, expect, it } from 'vitest';
import { parseExperiment, loadExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { buildsOf, groupsOf } from '../../../pipelines/experiments/matrix.ts';
import { indexDataset } from '../../../pipelines/datasets/index-dataset.ts';
import { resolveFolds } from '../../../pipelines/experiments/resolve-folds.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { METHODS } from '../../../schemas/config/methods.ts';
import { fileURLToPath } from 'node:url';

const BASE = `name: bench
base:
  name: clips
  dataset: { format: folder, root: clips }
  training: { epochs: 3 }
`;
const GOOD = `${BASE}methods: [joint, b-mm]
seeds: [0, 1]
`;
const refusal = (text: string): string => {
  try {
    parseExperiment(text, '/work/bench.yaml');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'it was taken';
};

describe('an experiment file', () => {
  it('becomes a run for each dataset, condition and fusion, with paths made absolute', () => {
    const config = parseExperiment(
      `${GOOD}fusions: [concat, sum]
datasets:
  - { name: one, dataset: { format: folder, root: one } }
  - { name: two, dataset: { format: folder, root: two } }
conditions:
  - { name: plain }
  - { name: noisy, data: { labelNoise: 0.2 } }
`,
      '/work/bench.yaml',
    );
    const groups = groupsOf(config);
    expect(groups).toHaveLength(8);
    expect(new Set(groups.map(({ runId }) => runId)).size).toBe(8);
    expect(groups[7]).toMatchObject({
      ...{ dataset: 'two', condition: 'noisy', fusion: 'sum' },
      config: {
        name: 'two',
        dataset: { root: '/work/two' },
        training: { fusion: 'sum', methods: ['joint', 'b-mm'], seeds: [0, 1], data: { labelNoise: 0.2 } },
      },
    });
  });

  it('names the same trainings as a run of the same config, so that they are used again', () => {
    const dataset = { name: 'clips', version: 'v1' };
    const idsOf = (text: string) =>
      groupsOf(parseExperiment(text, '/work/bench.yaml')).flatMap(({ config }) =>
        trainingSpecs(config, dataset).map(({ trainingId }) => trainingId),
      );
    const few = idsOf(GOOD);
    const more = idsOf(`${BASE}methods: [mm, b-mm, joint]\nseeds: [1, 0, 2]\n`);
    expect(few).toHaveLength(4);
    expect(more).toHaveLength(9);
    expect(few.every((id) => more.includes(id))).toBe(true);
  });

  it('that is wrong is told the line, the field and the fix', () => {
    expect(refusal(GOOD.replace('epochs', 'epohcs'))).toBe(
      'line 5, base.training.epohcs: there is no such field; did you mean "epochs"?',
    );
    expect(refusal(GOOD.replace('joint', 'jiont'))).toMatch(
      /line 6, methods\[0\]: is "jiont"; did you mean "joint"\?/u,
    );
    expect(refusal(GOOD.replace('[0, 1]', '[0, 0]'))).toMatch(/seeds\[1\].*leave one out/u);
    expect(refusal(`${GOOD}conditions: [{ name: a, data: { labelNoise: 2 } }]\n`)).toMatch(
      /conditions\[0\]\.data\.labelNoise: is 2; it must be at most 1/u,
    );
    expect(refusal(BASE)).toMatch(/methods: is missing.*\n.*seeds: is missing/u);
  });

  it('of the examples names every method there is', async () => {
    const file = fileURLToPath(new URL('../../../configs/experiment.yaml', import.meta.url));
    expect([...(await loadExperiment(file)).methods].sort()).toEqual([...METHODS].sort());
  });
});

describe('folds of an experiment', () => {
  const csv = (more: string) => `name: bench
base: { name: clips, dataset: { format: csv, file: all.csv }, training: { epochs: 3 } }
methods: [joint, b-mm]
seeds: [0, 1]
${more}`;

  it('given as lists are datasets of one name, each with its own list', () => {
    const groups = groupsOf(
      parseExperiment(csv('folds: { files: [test-ann.csv, lists/test-bob.csv] }'), '/work/b.yaml'),
    );
    expect(groups.map(({ dataset, fold, config }) => [dataset, fold, config.dataset])).toEqual([
      ['clips', 'test-ann', expect.objectContaining({ format: 'csv', file: '/work/test-ann.csv' })],
      ['clips', 'test-bob', expect.objectContaining({ format: 'csv', file: '/work/lists/test-bob.csv' })],
    ]);
    expect(new Set(groups.map(({ runId }) => runId)).size).toBe(2);
    expect(buildsOf(groups).builds.map(({ name }) => name)).toEqual([
      'clips, fold test-ann',
      'clips, fold test-bob',
    ]);
  });

  it('are made from the seed, and a dataset’s own come before those of all', () => {
    const config = parseExperiment(
      csv(`folds: { kFold: 3, seed: 7 }
datasets:
  - { name: one, dataset: { format: folder, root: one } }
  - { name: two, dataset: { format: folder, root: two }, folds: { leaveOut: [ann, bob] } }
`),
      '/work/b.yaml',
    );
    expect(
      groupsOf(config).map(({ dataset, fold, config: run }) => [dataset, fold, run.dataset.fold]),
    ).toEqual([
      ['one', '1 of 3', { of: 3, index: 0, seed: 7 }],
      ['one', '2 of 3', { of: 3, index: 1, seed: 7 }],
      ['one', '3 of 3', { of: 3, index: 2, seed: 7 }],
      ['two', 'ann', { testGroup: 'ann', seed: 0 }],
      ['two', 'bob', { testGroup: 'bob', seed: 0 }],
    ]);
  });

  it('that leave out each group are found in the data before anything is started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'modalmix-folds-'));
    try {
      const lines = ['cyd', 'ann', 'bob'].flatMap((speaker) =>
        ['no', 'yes'].map((word) => `${speaker}-${word}.wav,${word},${speaker}`),
      );
      await writeFile(join(folder, 'all.csv'), ['path,label,group', ...lines].join('\n'));
      for (const line of lines) await writeFile(join(folder, line.split(',')[0]!), 'a file');
      const config = parseExperiment(csv('folds: { leaveOut: each }'), join(folder, 'b.yaml'));
      const groups = groupsOf(await resolveFolds(config));
      expect(groups.map(({ fold }) => fold)).toEqual(['ann', 'bob', 'cyd']);
      const { clips } = await indexDataset(groups[1]!.config.dataset);
      const tested = clips.filter(({ split }) => split === 'test');
      expect(tested.map(({ clipId }) => clipId)).toEqual(['bob-no.wav', 'bob-yes.wav']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('that are wrong are told the field and the fix', () => {
    const told = (more: string): string => {
      try {
        parseExperiment(csv(more), '/work/b.yaml');
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      return 'it was taken';
    };
    expect(told('folds: { kFold: 3, leaveOut: each }')).toMatch(
      /folds: .*give one of files, kFold and leaveOut/u,
    );
    expect(told('folds: { files: [a.csv, a.csv] }')).toMatch(/folds: .*leave one out/u);
    expect(
      told(
        'datasets: [{ name: one, dataset: { format: folder, root: a }, folds: { files: [a.csv, b.csv] } }]',
      ),
    ).toMatch(/datasets\[0\]\.folds\.files: .*use kFold or leaveOut/u);
  });
});

describe('conditions of an experiment', () => {
  it('that disturb the extraction are builds of their own, shared by what differs in training alone', () => {
    const groups = groupsOf(
      parseExperiment(
        `${GOOD}fusions: [concat, sum]
conditions:
  - { name: clean }
  - { name: noisy sound, extraction: { disturb: { audio: { snrDb: -6 } } } }
  - { name: few, data: { keepShare: 0.5 } }
`,
        '/work/bench.yaml',
      ),
    );
    const { builds, buildOf } = buildsOf(groups);
    expect(groups.map(buildOf)).toEqual([0, 0, 1, 1, 0, 0]);
    expect(builds).toHaveLength(2);
    expect(groups.map(({ config }) => config.extraction.disturb?.audio?.snrDb)).toEqual([
      ...[undefined, undefined, -6, -6],
      ...[undefined, undefined],
    ]);
  });
});
