import { describe, expect, it } from 'vitest';
import { runConfigSchema } from '../../../schemas/config/config.ts';
import { trainingOptions } from '../../../schemas/config/training-options.ts';

const minimal = { name: 'mine', dataset: { format: 'folder', root: '/clips' } };

describe('the run config', () => {
  it("needs a name and a dataset; the rest defaults to the field's convention", () => {
    const config = runConfigSchema.parse(minimal);
    expect(config.extraction.audio).toMatchObject({
      sampleRateHz: 22_050,
      nFft: 512,
      hop: 353,
      durationS: 3,
    });
    expect(config.extraction.video).toMatchObject({ fps: 1, frames: 3, shortSide: 256 });
    expect(config.training).toMatchObject({
      methods: ['b-mm'],
      epochs: 100,
      batchSize: 64,
      optimizer: { name: 'sgd', learningRate: 1e-3, momentum: 0.9, weightDecay: 1e-4 },
      schedule: { name: 'step', stepEpochs: 70, gamma: 0.1 },
      cropPx: 224,
    });
  });

  it.each([
    ['an unknown field', { ...minimal, epoch: 3 }, ['epoch']],
    ['an unknown nested field', { ...minimal, training: { epoch: 3 } }, ['epoch']],
    ['a negative size', { ...minimal, training: { batchSize: -1 } }, ['training', 'batchSize']],
    ['an FFT size that is no power of two', { ...minimal, extraction: { audio: { nFft: 500 } } }, ['nFft']],
    ['an unknown method', { ...minimal, training: { methods: ['bmm'] } }, ['methods']],
    ['a name that is no folder name', { ...minimal, name: '../escape' }, ['name']],
  ])('refuses %s and names it', (_, config, names) => {
    const result = runConfigSchema.safeParse(config);
    expect(result.success).toBe(false);
    const told = JSON.stringify(result.error?.issues);
    for (const name of names) expect(told).toContain(name);
  });

  it.each([
    ['cml', { extraction: { modalities: ['audio'] } }, /at least 2 modalities.*without a modality/u],
    ['opm', { extraction: { modalities: ['audio'] } }, /at least 2 modalities.*is dropped/u],
    ['lfm', { extraction: { modalities: ['rgb'] } }, /at least 2 modalities.*are drawn together/u],
    ['mmcosine', { training: { fusion: 'film' } }, /concat or sum, which is film.*one cosine/u],
    [
      'b-mm',
      {
        dataset: { ...minimal.dataset, validationShare: 0 },
        training: { balance: { rhoFrom: 'validation' } },
      },
      /validation split.*rhoFrom is validation/u,
    ],
  ])('refuses %s where it cannot be trained, and says why', (method, changes, reason) => {
    const { training, ...rest } = { training: {}, ...changes };
    const config = { ...minimal, ...rest, training: { ...training, methods: [method] } };
    const { error } = runConfigSchema.safeParse(config);
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(['training.methods.0']);
    expect(error?.issues[0]?.message).toMatch(reason);
  });

  it.each([
    [
      'class weights with balanced sampling',
      { classWeights: 'balanced', sampling: 'balanced' },
      ['classWeights'],
      /counts twice/u,
    ],
    [
      'two warm-ups',
      { schedule: { name: 'cosine', warmupEpochs: 1, warmupSteps: 9 } },
      ['schedule', 'warmupSteps'],
      /warmupEpochs/u,
    ],
    [
      'accumulated batches with mla',
      { methods: ['joint', 'mla'], accumulateSteps: 2 },
      ['accumulateSteps'],
      /mla updates after each modality/u,
    ],
    ['a frozen modality that is not used', { freeze: ['flow'] }, ['freeze'], /no flow/u],
    ['smoothing of everything', { labelSmoothing: 1 }, ['labelSmoothing'], /./u],
    ['an average of nothing but the past', { ema: { decay: 1 } }, ['ema', 'decay'], /./u],
  ])('refuses %s', (_what, training, path, message) => {
    const { error } = runConfigSchema.safeParse({ ...minimal, training });
    expect(error!.issues).toHaveLength(1);
    expect(error!.issues[0]!.path).toEqual(['training', ...path]);
    expect(error!.issues[0]!.message).toMatch(message);
  });

  it('refuses early stopping without a validation split', () => {
    const training = { earlyStopping: { patience: 3 } };
    const dataset = { ...minimal.dataset, validationShare: 0 };
    const { error } = runConfigSchema.safeParse({ ...minimal, dataset, training });
    expect(error!.issues.map(({ path }) => path)).toEqual([['training', 'earlyStopping']]);
    expect(runConfigSchema.safeParse({ ...minimal, training }).success).toBe(true);
  });

  it('has no options of training by default, so that a training without them keeps its id', () => {
    const { training } = runConfigSchema.parse(minimal);
    expect(Object.keys(trainingOptions).filter((option) => option in training)).toEqual([]);
    expect(training.schedule).toEqual({ name: 'step', stepEpochs: 70, gamma: 0.1 });
  });

  it('takes B-MM without a validation split as long as ρ is measured on training clips', () => {
    const dataset = { ...minimal.dataset, validationShare: 0 };
    expect(runConfigSchema.safeParse({ ...minimal, dataset }).success).toBe(true);
  });
});
