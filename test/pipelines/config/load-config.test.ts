import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { planDigits } from '../../../pipelines/datasets/digits/plan-digits.ts';
import { loadConfig, parseConfig } from '../../../pipelines/config/load-config.ts';
import { runIdOf } from '../../../pipelines/config/run-id.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

const FILE = '/data/project/run.yaml';

function problemsOf(text: string): ModalmixError {
  try {
    parseConfig(text, FILE);
  } catch (error) {
    if (error instanceof ModalmixError) return error;
    throw error;
  }
  throw new Error('the config was accepted');
}

describe('a good config', () => {
  it('gets its defaults and absolute paths, relative to its own folder', () => {
    const config = parseConfig('name: a\ndataset: { format: csv, file: clips.csv, root: ../media }', FILE);
    expect(config.store).toBe('file:/data/project/.modalmix/store');
    expect(config.dataset).toMatchObject({ file: '/data/project/clips.csv', root: '/data/media' });
    expect(config.training.optimizer).toMatchObject({ name: 'sgd', learningRate: 1e-3 });
  });

  it('keeps absolute paths and stores elsewhere as they are', () => {
    const text = 'name: a\nstore: file:///big/store\ndataset: { format: folder, root: /clips }';
    const config = parseConfig(text, FILE);
    expect(config.store).toBe('file:///big/store');
    expect(config.dataset).toMatchObject({ root: '/clips' });
  });

  it('has one run id, in whatever order it is written, and another when a value changes', () => {
    const one = parseConfig('name: a\ndataset: { format: folder, root: /clips }', FILE);
    const reordered = parseConfig('dataset: { root: /clips, format: folder }\nname: a', FILE);
    const other = parseConfig(
      'name: a\ndataset: { format: folder, root: /clips }\ntraining: { epochs: 3 }',
      FILE,
    );
    expect(runIdOf(one)).toMatch(/^a-[0-9a-f]{8}$/u);
    expect(runIdOf(reordered)).toBe(runIdOf(one));
    expect(runIdOf(other)).not.toBe(runIdOf(one));
  });

  it('is what the demo has', async () => {
    const config = await loadConfig('configs/demo.yaml');
    expect(config.dataset.format).toBe('digits');
    expect(config.training.methods).toEqual(['unimodal', 'joint', 'ogm-ge', 'mm', 'b-mm']);
    expect(await readFile('configs/demo.yaml', 'utf8')).toContain('name: demo');
  });

  // Adam divides out what gradient-scaling methods multiply by, and trains these small networks worse.
  it.each(['demo', 'imbalance', 'stream-demo'])('is trained by SGD in configs/%s.yaml', async (name) => {
    const { training } = await loadConfig(`configs/${name}.yaml`);
    expect(training.optimizer).toMatchObject({ name: 'sgd', momentum: 0.9, weightDecay: 1e-4 });
    expect(training.schedule.name).toBe('cosine');
    expect(training.ogm.endEpoch).toBeGreaterThanOrEqual(training.epochs);
  });

  it('asks enough voices and clips in the demo that its table is no noise', async () => {
    const { dataset } = await loadConfig('configs/demo.yaml');
    if (dataset.format !== 'digits') throw new Error('the demo is of digits');
    const test = planDigits(dataset).filter(({ split }) => split === 'test');
    const clips = new Map<string, number>();
    for (const { voice } of test) clips.set(voice, (clips.get(voice) ?? 0) + 1);
    expect(test.length).toBeGreaterThanOrEqual(400);
    expect(clips.size).toBeGreaterThanOrEqual(10);
    expect(Math.max(...clips.values())).toBeLessThan(0.15 * test.length);
  });
});

describe('a wrong config is told by file, line, field and what is allowed', () => {
  it('suggests the field that was meant, and does not also miss it', () => {
    const error = problemsOf('nam: a\ndataset:\n  format: folder\n  root: /clips\ntraining:\n  epoch: 3');
    expect(error.kind).toBe('config');
    expect(error.where).toBe(FILE);
    expect(error.message.trim().split('\n  ')).toEqual([
      'line 1, nam: there is no such field; did you mean "name"?',
      'line 6, training.epoch: there is no such field; did you mean "epochs"?',
    ]);
  });

  it('lists the allowed fields where none is near', () => {
    const error = problemsOf(
      'name: a\ndataset: { format: folder, root: /c }\ntraining: { mixup: { wobble: 1 } }',
    );
    expect(error.message).toBe('line 3, training.mixup.wobble: there is no such field; allowed: alpha');
  });

  it.each([
    [
      'format: foldr',
      'line 3, dataset.format: is "foldr"; did you mean "folder"? allowed: folder, csv, crema-d',
    ],
    ['format: folder', 'line 2, dataset.root: is missing; it must be text'],
    ['format: folder\n  root: 3', 'line 4, dataset.root: is 3; it must be text'],
    ['format: folder\n  root: /c\n  testShare: 2', 'line 5, dataset.testShare: is 2; it must be at most 1'],
  ])('names a wrong dataset: %j', (dataset, message) => {
    expect(problemsOf(`name: a\ndataset:\n  ${dataset}`).message).toContain(message);
  });

  it.each([
    ['methods: [joind]', 'training.methods[0]: is "joind"; did you mean "joint"? allowed: unimodal, '],
    ['methods: []', 'training.methods: is []; its length must be at least 1'],
    ['epochs: -1', 'training.epochs: is -1; it must be more than 0'],
    ['epochs: many', 'training.epochs: is "many"; it must be a number'],
    [
      'optimizer: { name: sgd, beta1: 0.9 }',
      'training.optimizer.beta1: there is no such field; allowed: name, ',
    ],
    [
      'encoder: { kind: resnt }',
      'training.encoder.kind: is "resnt"; did you mean "resnet"? allowed: resnet, cnn',
    ],
    ['encoder: { depth: 101 }', 'training.encoder.depth: is 101; allowed: 18, 34, 50'],
    [
      'encoder: { kind: cnn, depth: 18 }',
      'training.encoder.depth: there is no such field; allowed: kind, width',
    ],
  ])('names a wrong training: %j', (training, message) => {
    expect(
      problemsOf(`name: a\ndataset: { format: folder, root: /c }\ntraining: { ${training} }`).message,
    ).toContain(message);
  });

  it('says where the YAML itself is broken', () => {
    const error = problemsOf('name: a\ndataset: { format: folder\ntraining: 3');
    expect(error.message).toMatch(/line \d/u);
    expect(error.where).toBe(FILE);
  });

  it('says that an empty file lacks everything', () => {
    const error = problemsOf('');
    expect(error.message).toContain('name: is missing');
    expect(error.message).toContain('dataset: is missing');
  });

  it('names a file that is not there', async () => {
    await expect(loadConfig('/nowhere/run.yaml')).rejects.toMatchObject({
      kind: 'config',
      where: '/nowhere/run.yaml',
    });
  });
});
