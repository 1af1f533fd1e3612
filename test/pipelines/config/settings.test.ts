import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../../pipelines/config/load-config.ts';
import { runIdOf } from '../../../pipelines/config/run-id.ts';
import { parseExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

const FILE = '/data/project/run.yaml';
const TEXT = `name: a
dataset: { format: folder, root: /clips }
training:
  methods: [joint, b-mm]
  epochs: 30
  optimizer: { name: sgd, momentum: 0.8 }
`;

/** What a person is told of a config that is refused. */
function refusal(text: string, ...set: string[]): ModalmixError {
  try {
    parseConfig(text, FILE, set);
  } catch (error) {
    if (error instanceof ModalmixError) return error;
    throw error;
  }
  throw new Error('the config was accepted');
}

describe('--set', () => {
  it('lays values over the file, the later over the earlier, and leaves everything else', () => {
    const config = parseConfig(TEXT, FILE, [
      'training.epochs=7',
      'training.optimizer.learningRate=0.5',
      'training.methods[1]=mm',
      'training.seeds=[0, 1]',
      'training.augment={ flip: false }',
      'extraction.video.frames = 5',
      'dataset.root="/other clips"',
      'training.epochs=3',
    ]);
    expect(config.training).toMatchObject({
      epochs: 3,
      methods: ['joint', 'mm'],
      seeds: [0, 1],
      optimizer: { name: 'sgd', learningRate: 0.5, momentum: 0.8 },
      augment: { flip: false, cropMinScale: 0.08 },
    });
    expect(config.extraction.video.frames).toBe(5);
    expect(config.dataset).toMatchObject({ root: '/other clips' });
  });

  it('is the same run as a file that says so', () => {
    const set = runIdOf(parseConfig(TEXT, FILE, ['training.epochs=3', 'store=file:elsewhere']));
    const written = parseConfig(`${TEXT}store: file:elsewhere\n`.replace('epochs: 30', 'epochs: 3'), FILE);
    expect(set).toBe(runIdOf(written));
    expect(set).not.toBe(runIdOf(parseConfig(TEXT, FILE)));
  });

  it('adds an element at the end of a list', () => {
    expect(parseConfig(TEXT, FILE, ['training.methods[2]=mm']).training.methods).toEqual([
      'joint',
      'b-mm',
      'mm',
    ]);
    expect(parseConfig(TEXT, FILE, ['training.seeds[0]=4']).training.seeds).toEqual([4]);
  });

  it("changes an anchored group in one place and leaves its aliases' as it is", () => {
    const text = TEXT.replace('methods:', 'mixup: &m { alpha: 5 }\n  manifoldMixup: *m\n  methods:');
    const { mixup, manifoldMixup } = parseConfig(text, FILE, ['training.mixup.alpha=3']).training;
    expect([mixup.alpha, manifoldMixup.alpha]).toEqual([3, 5]);
  });

  it.each([
    ['training.epochs=0', '--set training.epochs: is 0; it must be more than 0'],
    ['training.epochs=many', '--set training.epochs: is "many"; it must be a number'],
    ['training.epohcs=3', '--set training.epohcs: there is no such field; did you mean "epochs"?'],
    ['trainin.epochs=3', '--set trainin.epochs, trainin: there is no such field; did you mean "training"?'],
    [
      'training={ epohcs: 3 }',
      '--set training, training.epohcs: there is no such field; did you mean "epochs"?',
    ],
    ['training.epochs.first=3', '--set training.epochs.first, training.epochs: is {"first":3}; it must be'],
    ['training.methods[0]=joind', '--set training.methods[0]: is "joind"; did you mean "joint"?'],
    [
      'training.methods[0]=pmr',
      '--set training.methods[0]: is "pmr"; it needs at least 2 modalities',
      '[audio]',
    ],
    ['training.data.labelNoise=2', '--set training.data.labelNoise: is 2; it must be at most 1'],
    ['__proto__.epochs=3', '--set __proto__.epochs, __proto__: there is no such field'],
  ])('names itself for what it made wrong: %s', (set, message, modalities = '[audio, rgb]') => {
    const error = refusal(`${TEXT}extraction: { modalities: ${modalities} }\n`, set);
    expect(error).toMatchObject({ kind: 'config', where: FILE });
    expect(error.message).toContain(message);
    expect(error.message).not.toMatch(/line \d/u);
  });

  it('leaves the line to what the file has wrong, and tells both', () => {
    const error = refusal(`${TEXT}  batchsize: 3\n`, 'training.epochs=0', 'training.optimizer.name=adam');
    expect(error.message.trim().split('\n  ')).toEqual([
      '--set training.epochs: is 0; it must be more than 0',
      'line 6, training.optimizer.momentum: there is no such field; allowed: name, learningRate, beta1, beta2, epsilon, weightDecay',
      'line 7, training.batchsize: there is no such field; did you mean "batchSize"?',
    ]);
  });

  it.each([
    ['training.epochs', 'it names no field and value'],
    ['=3', 'it names no field and value'],
    ['training..epochs=3', 'it names no field and value'],
    ['training.methods[x]=mm', 'it names no field and value'],
    ['training.seeds=[0', 'is no YAML'],
    ['name=*nobody', 'is no YAML: Unresolved alias'],
    ['training.methods[3]=mm', "the config's list has 2 there: the next is [2]"],
    ['training.seeds[1]=4', 'the config has no list there: its first element is [0]'],
  ])('is refused by itself where it means nothing: %s', (set, message) => {
    const error = refusal(TEXT, set);
    expect(error.kind).toBe('config');
    expect(error.where).toContain(`--set ${set.split('=')[0] ?? ''}`);
    expect(error.message).toContain(message);
    expect(error.fix).toBeDefined();
  });

  it("reaches an experiment's base, and is named as it was written there", () => {
    const text = `name: e\nbase: { name: a, dataset: { format: folder, root: /c } }\nmethods: [joint]\nseeds: [0]\n`;
    const config = parseExperiment(text, FILE, ['base.training.epochs=3', 'seeds=[1, 2]']);
    expect(config.base.training.epochs).toBe(3);
    expect(config.seeds).toEqual([1, 2]);
    expect(() => parseExperiment(text, FILE, ['base.training.epoch=3'])).toThrow(
      '--set base.training.epoch: there is no such field; did you mean "epochs"?',
    );
  });
});

describe('a config with an alias of nothing', () => {
  it('is refused by its line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'modalmix-alias-'));
    const file = join(folder, 'run.yaml');
    try {
      await writeFile(file, TEXT.replace('epochs: 30', 'epochs: *many'));
      await expect(loadConfig(file)).rejects.toMatchObject({
        kind: 'config',
        where: file,
        message: 'line 5: Unresolved alias (the anchor must be set before the alias): many',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
