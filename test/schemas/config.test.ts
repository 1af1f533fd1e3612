import { describe, expect, it } from 'vitest';
import { runConfigSchema } from '../../schemas/config.ts';

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
});
