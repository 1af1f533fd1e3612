import { describe, expect, it } from 'vitest';
import { runConfigSchema } from '../../../schemas/config/config.ts';
import { trainingSpecSchema } from '../../../schemas/training.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';

const DATASET = { name: 'demo', version: 'abc' };

function configOf(training: object, name = 'demo') {
  return runConfigSchema.parse({ name, dataset: { format: 'digits', root: 'clips' }, training });
}

describe('the specs of a run', () => {
  it('are one for each method and seed, in the config’s order, narrowed to their own', () => {
    const specs = trainingSpecs(configOf({ methods: ['mm', 'joint', 'mm'], seeds: [4, 0] }), DATASET);
    expect(specs.map(({ method, seed }) => `${method} ${String(seed)}`)).toEqual([
      'mm 4',
      'mm 0',
      'joint 4',
      'joint 0',
    ]);
    expect(specs[0]!.training.methods).toEqual(['mm']);
    expect(specs[0]!.training.seeds).toEqual([4]);
    expect(new Set(specs.map(({ trainingId }) => trainingId)).size).toBe(4);
    for (const spec of specs) expect(trainingSpecSchema.parse(spec)).toEqual(spec);
  });

  it('keep their ids when other methods join the run, and change them with what they depend on', () => {
    const id = (training: object, dataset = DATASET) =>
      trainingSpecs(configOf({ methods: ['mm'], ...training }), dataset)[0]!.trainingId;
    expect(id({})).toMatch(/^demo-mm-s0-[0-9a-f]{12}$/u);
    expect(id({ methods: ['mm', 'b-mm'] })).toBe(id({}));
    expect(id({ epochs: 3 })).not.toBe(id({}));
    expect(id({}, { ...DATASET, version: 'abd' })).not.toBe(id({}));
  });

  it('have the same id whether a config names the encoder it would have anyway or not', () => {
    const id = (encoder: object) => trainingSpecs(configOf({ encoder }), DATASET)[0]!.trainingId;
    expect(id({ kind: 'resnet', depth: 18 })).toBe(id({}));
    expect(id({ depth: 34 })).not.toBe(id({}));
    expect(id({ kind: 'cnn' })).not.toBe(id({}));
  });

  it('have another id with bfloat16, and the old one with the precision that there always was', () => {
    const id = (training: object) => trainingSpecs(configOf(training), DATASET)[0]!.trainingId;
    expect(id({ precision: 'float32' })).toBe(id({}));
    expect(id({ precision: 'bfloat16' })).not.toBe(id({}));
  });

  it('have the ids of earlier versions for what a method’s settings meant then, and for methods that read none', () => {
    const of = (training: object) => trainingSpecs(configOf(training), DATASET)[0]!.trainingId;
    const id = (method: string, balance: object = {}) => of({ methods: [method], balance });
    expect(id('joint')).toBe('demo-joint-s0-9c0f397f73e6');
    expect(id('joint', { gamma: 3 })).toBe(id('joint'));
    expect(id('b-mm', { rule: 'policy' })).toBe('demo-b-mm-s0-8233948b08b8');
    expect(id('b-mm', { rule: 'strong-less' })).toBe('demo-b-mm-s0-8233948b08b8');
    expect(id('b-mm', { rule: 'fixed' })).toBe('demo-b-mm-s0-0e12c8df2e80');
    expect(of({ methods: ['lfm'], lfm: { matching: 'heuristic' } })).toBe('demo-lfm-s0-083520d590ec');
    expect(id('lfm')).not.toBe('demo-lfm-s0-083520d590ec');
    expect(new Set([{}, { rule: 'policy' }, { gamma: 2 }].map((balance) => id('b-mm', balance))).size).toBe(
      3,
    );
  });

  it('keep the ids they had before there was a choice of views, and have others with another view', () => {
    const id = (training: object) =>
      trainingSpecs(configOf({ methods: ['mm'], ...training }), DATASET)[0]!.trainingId;
    const crop = { augment: { cropMinScale: 0.6, flip: false }, cropPx: 112 };
    // Noted from the version before `testView` and `augment.view`.
    expect([id({}), id(crop)]).toEqual(['demo-mm-s0-f811aa25d878', 'demo-mm-s0-77a001071781']);
    expect(id({ testView: 'centre', augment: { view: 'crop' } })).toBe(id({}));
    const others = [
      { testView: 'whole' },
      { augment: { view: 'whole' } },
      { augment: { audio: { gainDb: 6 } } },
      { augment: { colour: { hue: 0.1 } } },
    ];
    expect(new Set([id({}), ...others.map(id)]).size).toBe(5);
  });

  it('do not depend on the order in which the config was written', () => {
    const id = (mixup: object) => trainingSpecs(configOf(mixup), DATASET)[0]!.trainingId;
    expect(id({ batchSize: 8, epochs: 2 })).toBe(id({ epochs: 2, batchSize: 8 }));
  });
});
