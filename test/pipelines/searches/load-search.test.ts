import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { loadSearch, parseSearch } from '../../../pipelines/searches/load-search.ts';
import { trialRun, trialsOf } from '../../../pipelines/searches/trial-config.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';

const BASE = `base:
  name: clips
  dataset: { format: folder, root: clips }
  training: { epochs: 30, schedule: { name: cosine } }
`;
const search = (space: string, more = '') => `name: find
${BASE}methods: [joint, b-mm]
${more}space:
${space}`;

async function refusal(text: string): Promise<string> {
  try {
    await parseSearch(text, '/work/find.yaml');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'it was taken';
}

describe('a search file', () => {
  it('gives each method the same points, as far as it reads them', async () => {
    const { config } = await parseSearch(
      search(`  training.optimizer.learningRate: { logUniform: [0.001, 0.3] }
  training.balance.gamma: { choice: [0.3, 1, 3] }
`),
      '/work/find.yaml',
    );
    const joint = trialsOf(config, 'joint');
    const balanced = trialsOf(config, 'b-mm');
    expect(joint).toHaveLength(16);
    expect(balanced).toHaveLength(16);
    for (const [index, { values }] of joint.entries()) {
      expect(Object.keys(values)).toEqual(['training.optimizer.learningRate']);
      expect(balanced[index]!.values).toMatchObject(values);
    }
    const run = trialRun(config, 'b-mm', balanced[2]!.values, 10);
    expect(run).toMatchObject({
      store: 'file:/work/.modalmix/store',
      dataset: { root: '/work/clips' },
      training: {
        ...{ methods: ['b-mm'], seeds: [0], epochs: 10, watchTest: false },
        optimizer: {
          ...{ name: 'sgd', momentum: 0.9 },
          learningRate: balanced[2]!.values['training.optimizer.learningRate'],
        },
        balance: { gamma: balanced[2]!.values['training.balance.gamma'] },
      },
    });
  });

  it('counts a trial once that differs in nothing the method reads', async () => {
    const { config } = await parseSearch(
      search('  training.balance.gamma: { choice: [0.3, 1, 3] }\n', 'trials: 3\n'),
      '/work/find.yaml',
    );
    expect(trialsOf(config, 'joint').map(({ trial }) => trial)).toEqual([1]);
    expect(trialsOf(config, 'b-mm').map(({ trial }) => trial)).toEqual([1, 2, 3]);
  });

  it('leaves earlier trials as they are when there are more', async () => {
    const space = '  training.optimizer.learningRate: { logUniform: [0.001, 0.3] }\n';
    const few = await parseSearch(search(space, 'trials: 4\n'), '/work/find.yaml');
    const many = await parseSearch(search(space, 'trials: 9\n'), '/work/find.yaml');
    expect(trialsOf(many.config, 'mm').slice(0, 4)).toEqual(trialsOf(few.config, 'mm'));
  });

  it('varies a group as a whole, fields within it, and whether a field is there', async () => {
    const { config } = await parseSearch(
      search(
        `  training.optimizer: { choice: [{ name: sgd, momentum: 0.5 }, { name: adamw }] }
  training.optimizer.weightDecay: { logUniform: [0.0001, 0.1] }
  training.labelSmoothing: { choice: [null, 0.1] }
`,
        'trials: 12\n',
      ),
      '/work/find.yaml',
    );
    const runs = trialsOf(config, 'joint').map(({ values }) => trialRun(config, 'joint', values).training);
    expect(new Set(runs.map(({ optimizer }) => optimizer.name))).toEqual(new Set(['sgd', 'adamw']));
    expect(new Set(runs.map(({ labelSmoothing }) => labelSmoothing))).toEqual(new Set([undefined, 0.1]));
    for (const { optimizer } of runs) expect(optimizer.weightDecay).toBeGreaterThanOrEqual(1e-4);
  });
});

describe('what is wrong in a search is told by line and field', () => {
  it.each([
    [
      '  training.optimizer.learningRat: { logUniform: [0.001, 0.3] }\n',
      'line 8, space.training.optimizer.learningRat: there is no such field; did you mean "learningRate"?',
    ],
    [
      '  training.weightDecay: { uniform: [0, 0.1] }\n',
      'line 8, space.training.weightDecay: there is no such field; did you mean "training.optimizer.weightDecay"?',
    ],
    [
      '  optimizer.learningRate: { uniform: [0, 0.1] }\n',
      'line 8, space.optimizer.learningRate: there is no such field; did you mean "training.optimizer.learningRate"?',
    ],
    [
      '  training.labelSmoothing: { uniform: [0, 1.5] }\n',
      'line 8, space.training.labelSmoothing: is 1.5; it must be less than 1',
    ],
    [
      '  training.fusion: { choice: [concat, summ] }\n',
      'line 8, space.training.fusion: is "summ"; did you mean "sum"? allowed: concat, sum, film, gated',
    ],
    [
      '  training.optimizer.name: { choice: [sgd, adamx] }\n',
      'line 8, space.training.optimizer.name: is "adamx"; did you mean "adam"? allowed: sgd, adam, adamw',
    ],
    [
      '  training.pmr.alpha: { uniform: [0, 1] }\n',
      'line 8, space.training.pmr.alpha: none of joint, b-mm reads it: leave it out',
    ],
    [
      '  extraction.audio.nFft: { choice: [128, 256] }\n',
      'line 8, space.extraction.audio.nFft: a search varies fields of training only: its trials share their clips, features and how they are judged',
    ],
    [
      '  training.batchSize: { logUnifrom: [8, 64] }\n',
      'line 8, space.training.batchSize.logUnifrom: there is no such field; did you mean "logUniform"?',
    ],
    [
      '  training.batchSize: { uniform: [8, 64], choice: [8, 64] }\n',
      'exactly one of uniform, logUniform, integer, choice must say how it is drawn',
    ],
    [
      '  training.batchSize: { uniform: [8.5, 64] }\n',
      'line 8, space.training.batchSize: is 8.5; it must be a whole number',
    ],
    [
      '  training.encoder: { choice: [{ kind: cnn }, { pretrained: { rgb: { file: a.safetensors } } }] }\n',
      'line 8, space.training.encoder: weights to start from belong in the base, where their file is found',
    ],
    ['  training.seeds: { choice: [[0], [1]] }\n', "is the search's own `seeds`: leave it out"],
    ['  training.fusion: { choice: [concat, sum] }\n', 'line 7, trials: the space has 2 points only'],
  ])('%s', async (space, message) => {
    const more = message.includes('trials: ') ? 'trials: 16\n' : '';
    const text = search(space, more);
    expect(await refusal(text)).toContain(message);
  });

  it('also in how it halves', async () => {
    const space = '  training.optimizer.learningRate: { logUniform: [0.001, 0.3] }\n';
    expect(await refusal(search(space, 'halving: { minEpochs: 40 }\n'))).toContain(
      'line 7, halving.minEpochs: is 40, and the base trains for 30 epochs',
    );
    const warm = search(space, 'halving: {}\n').replace('name: cosine', 'name: cosine, warmupEpochs: 4');
    expect(await refusal(warm)).toContain('warmupEpochs is 4');
    const epochs = search('  training.epochs: { choice: [10, 20] }\n', 'halving: {}\ntrials: 2\n');
    expect(await refusal(epochs)).toContain('is what halving sets');
  });

  it('and refuses a base without a validation split, and trials that the schema refuses', async () => {
    const space = '  training.optimizer.learningRate: { logUniform: [0.001, 0.3] }\n';
    expect(await refusal(search(space).replace('root: clips', 'root: clips, validationShare: 0'))).toContain(
      'has no validation split to choose by',
    );
    const both = `  training.sampling: { choice: [null, balanced] }
  training.classWeights: { choice: [null, balanced] }
  training.optimizer.learningRate: { logUniform: [0.001, 0.3] }
`;
    expect(await refusal(search(both))).toMatch(
      /space: trial \d+ \(joint; training\.classWeights "balanced", .*\) is refused: training\.classWeights: .*counts twice/u,
    );
  });
});

describe('the example', () => {
  it('is a search, on the data of the experiment beside it', async () => {
    const [file, beside] = ['search', 'experiment'].map((name) =>
      fileURLToPath(new URL(`../../../configs/${name}.yaml`, import.meta.url)),
    );
    const { base } = await loadSearch(file!);
    const { base: other } = await loadExperiment(beside!);
    const dataOf = ({ name, store, dataset, extraction }: RunConfig) => ({
      name,
      store,
      dataset,
      extraction,
    });
    expect(dataOf(base)).toEqual(dataOf(other));
  });
});

describe('a base in a file of its own', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modalmix-search-'));
    await writeFile(
      join(folder, 'run.yaml'),
      'name: clips\nstore: file:store\ndataset: { format: folder, root: clips }\ntraining: { epochs: 3, methods: [mm] }\n',
    );
    const space = '  training.optimizer.learningRate: { logUniform: [0.001, 0.3] }\n';
    await writeFile(join(folder, 'search.yaml'), `name: find\nbase: run.yaml\nspace:\n${space}`);
    await writeFile(join(folder, 'other.yaml'), `name: find\nbase: bad.yaml\nspace:\n${space}`);
    await writeFile(join(folder, 'bad.yaml'), 'name: clips\ndataset: { format: folder, rot: clips }\n');
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('is read from there, its paths too, and names the methods where the search does not', async () => {
    const { config } = await loadSearch(join(folder, 'search.yaml'));
    expect(config.methods).toEqual(['mm']);
    expect(config.base).toMatchObject({
      ...{ store: `file:${folder}/store`, dataset: { root: `${folder}/clips` } },
    });
  });

  it('is the file that an error names', async () => {
    await expect(loadSearch(join(folder, 'other.yaml'))).rejects.toMatchObject({
      message: 'line 2, dataset.rot: there is no such field; did you mean "root"?',
      where: join(folder, 'bad.yaml'),
    });
  });
});
