/** Whole steps of methods with parts of their own, against PyTorch (golden/make_methods_1.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type FusionName, type BuiltInMethod, methodProblem } from '../../../../schemas/config/methods.ts';
import { trainingConfigSchema } from '../../../../schemas/config/training-config.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import { runConfigSchema } from '../../../../schemas/config/config.ts';
import { stageLengths } from '../../../../schemas/config/method-settings/reconboost.ts';
import type { EpochMetrics } from '../../../../schemas/training.ts';
import type { Batch, Images } from '../../../../pipelines/training/data/batches.ts';
import { writeVariables } from '../../../../pipelines/training/checkpoints/checkpoint.ts';
import { sharedHead } from '../../../../pipelines/training/model/fusion/shared-head.ts';
import type { LoadedModel } from '../../../../pipelines/training/model/loaded-model.ts';
import { blendingWeights } from '../../../../pipelines/training/methods/g-blending.ts';
import { METHOD_OF } from '../../../../pipelines/training/methods/index.ts';
import type { Method, StepContext } from '../../../../pipelines/training/methods/method.ts';
import { moveProjection } from '../../../../pipelines/training/methods/mla.ts';
import { shortestMix } from '../../../../pipelines/training/methods/modulation/mmpareto.ts';
import { rateEpoch, stageOf } from '../../../../pipelines/training/methods/reconboost.ts';
import { createAdam } from '../../../../pipelines/training/optimizers/adam.ts';
import { forget } from '../../../../pipelines/training/optimizers/forget.ts';
import { learningRateAt } from '../../../../pipelines/training/schedule.ts';
import { MultimodalModel } from '../../../../pipelines/training/model/model.ts';
import type { Optimizer } from '../../../../pipelines/training/optimizers/optimizer.ts';
import { createSgd } from '../../../../pipelines/training/optimizers/sgd.ts';
import { Parameters } from '../../../../pipelines/engine/network/parameters.ts';
import { trainStep } from '../../../../pipelines/training/step.ts';
import { emptyTally } from '../../../../pipelines/training/model/tally.ts';
import { tf, type Tensor2D, type Variable } from '../../../../pipelines/engine/tensorflow.ts';
import { readGolden, relativeError } from '../golden/read-golden.ts';

const TOLERANCE = 2e-5;
const MODALITIES: Modality[] = ['audio', 'rgb'];
const CLASSES = 4;
const LABELS = Int32Array.from([0, 3, 1, 2, 2, 0]);
const pair = z.object({ audio: z.number(), rgb: z.number() });
const curve = z.object({
  train: z.tuple([z.number(), z.number()]),
  validation: z.tuple([z.number(), z.number()]),
});
const loss = z.number();
const facts = z
  .object({
    mmpareto: z.object({ loss, cosines: pair, shares: pair }),
    'g-blending': z.object({
      loss,
      curves: z.object({ audio: curve, rgb: curve, joint: curve }),
      weights: z.object({ audio: z.number(), rgb: z.number(), joint: z.number() }),
    }),
    pmr: z.object({ loss }),
    agm: z.object({
      loss,
      state: z.object({ steps: z.int(), means: pair }),
      coefficients: pair,
      after: pair,
    }),
    umt: z.object({ loss }),
    mla: z.object({
      loss,
      rate: z.number(),
      step: z.int(),
      steps: z.int(),
      fusing: z.object({
        logits: z.array(z.array(z.array(z.number()))),
        fused: z.array(z.array(z.number())),
      }),
    }),
    reconboost: z.object({ loss, rectify: z.number() }),
  })
  .parse(JSON.parse(readFileSync(new URL('../golden/methods-1.json', import.meta.url), 'utf8')));
type Case = keyof typeof facts;

const shared = readGolden('methods');
const golden = readGolden('methods-1');

function imagesOf(modality: Modality): Images {
  const { shape, values } = shared.tensors.get(modality)!;
  return {
    rows: Int32Array.from(LABELS.keys()),
    values: Float32Array.from(values),
    shape: shape as unknown as Images['shape'],
  };
}

const batch: Batch = {
  size: LABELS.length,
  rows: Int32Array.from(LABELS.keys()),
  labels: LABELS,
  present: { audio: new Uint8Array(LABELS.length).fill(1), rgb: new Uint8Array(LABELS.length).fill(1) },
  images: { audio: imagesOf('audio'), rgb: imagesOf('rgb') },
};

function contextAt(epoch: number, stepInEpoch = 0, stepsPerEpoch = 1): StepContext {
  return {
    epoch,
    stepInEpoch,
    stepsPerEpoch,
    random: () => {
      throw new Error('these methods draw nothing');
    },
  };
}

interface Setting {
  readonly method: Method;
  readonly model: MultimodalModel;
}

/** The method, and its model with the golden encoders and the named cases' own weights; at first without state. */
function set(
  name: BuiltInMethod,
  weightsOf: Case,
  fusion: FusionName = 'concat',
  settings: Record<string, unknown> = {},
): Setting {
  const training = trainingConfigSchema.parse({ fusion, mla: { weighting: 'entropy' }, ...settings });
  const method = METHOD_OF[name](training, MODALITIES);
  const model = new MultimodalModel({
    modalities: MODALITIES,
    encoder: { depth: 18, width: 1 },
    fusion: method.fusion ?? fusion,
    classes: CLASSES,
    seed: 0,
    extend: method.extend,
  });
  const stored = new Map([...shared.under('weights'), ...golden.under(`${weightsOf}/weights`)]);
  const own = new Map([...model.parameters.all()].filter(([key]) => !/^(pmr|mla)\./u.test(key)));
  writeVariables(own, stored, 'golden');
  return { method, model };
}

/** One step, with what the optimiser was given. */
function stepOf({ method, model }: Setting, context: StepContext) {
  const applied = new Map<string, Float32Array>();
  const optimizer: Optimizer = {
    state: new Map(),
    steps: new Map(),
    apply: (gradients) => {
      for (const [name, gradient] of gradients) applied.set(name, gradient.dataSync<'float32'>().slice());
    },
    dispose: () => undefined,
  };
  const outcome = trainStep({ model, method, optimizer }, batch, context, 0.1);
  return { ...outcome, applied };
}

/** Float32 leaves an error of the network's scale in every parameter, so one scale serves all of them. */
function expectGradients(applied: ReadonlyMap<string, Float32Array>, name: Case) {
  const expected = golden.under(`${name}/gradients`);
  expect([...applied.keys()].sort()).toEqual([...expected.keys()].sort());
  const names = [...expected.keys()];
  const all = (of: (key: string) => Float32Array) => Float32Array.from(names.flatMap((key) => [...of(key)]));
  const error = relativeError(
    all((key) => applied.get(key)!),
    all((key) => expected.get(key)!.values),
  );
  expect(error).toBeLessThan(TOLERANCE);
}

function expectClose(actual: object | undefined, expected: Record<string, number>) {
  for (const [key, value] of Object.entries(expected)) {
    expect((actual as Record<string, number>)[key]).toBeCloseTo(value, 5);
  }
}

describe('MMPareto', () => {
  it('joins an encoder’s gradients as PyTorch does, in conflict and without', () => {
    expect(facts.mmpareto.cosines.audio).toBeLessThan(0);
    expect(facts.mmpareto.cosines.rgb).toBeGreaterThan(0);
    const { loss: value, applied } = stepOf(set('mmpareto', 'mmpareto'), contextAt(0));
    expect(value).toBeCloseTo(facts.mmpareto.loss, 4);
    expectGradients(applied, 'mmpareto');
  });

  it('moves the running statistics once a step', () => {
    const [pareto, joint] = [set('mmpareto', 'mmpareto'), set('joint', 'mmpareto')];
    stepOf(pareto, contextAt(0));
    stepOf(joint, contextAt(0));
    const statistics = ({ model }: Setting) =>
      model.parameters.buffers.get('audio.bn1.running_mean')!.dataSync();
    expect(statistics(pareto)).toEqual(statistics(joint));
  });

  it('mixes the shortest vector', () => {
    // By hand: (2, 0) and (−1, 1): 0.4 (2, 0) + 0.6 (−1, 1) = (0.2, 0.6), at a right angle to their difference.
    expect(shortestMix({ mm: 4, mu: -2, uu: 2 })).toBeCloseTo(0.4, 12);
    expect(shortestMix({ mm: 0, mu: 0, uu: 0 })).toBe(0.5);
  });
});

describe('G-Blending', () => {
  const metricsOf = (of: (at: 0 | 1) => object): EpochMetrics[] => [of(0), of(1)] as EpochMetrics[];
  const { audio, rgb, joint } = facts['g-blending'].curves;

  it('weighs by generalisation against overfitting', () => {
    const [a, v, both] = blendingWeights([audio, rgb, joint]);
    expectClose({ audio: a, rgb: v, joint: both }, facts['g-blending'].weights);
  });

  it('gives a model whose validation loss rose no weight, and all the same where all rose', () => {
    const worse = { train: [1.5, 0.1], validation: [1.5, 2] } as const;
    expect(blendingWeights([worse, audio])).toEqual([0, 1]);
    expect(blendingWeights([worse, worse])).toEqual([0.5, 0.5]);
  });

  it('takes a step as PyTorch does, with weights from the trainings that it needs', () => {
    const setting = set('g-blending', 'mmpareto');
    const split = (at: 0 | 1, name: 'train' | 'validation') => ({
      loss: joint[name][at],
      branchLosses: { audio: audio[name][at], rgb: rgb[name][at] },
    });
    const metrics = metricsOf((at) => ({ train: split(at, 'train'), validation: split(at, 'validation') }));
    const finished = { metrics, model: undefined as unknown as LoadedModel };
    setting.method.begin!(
      new Map([
        ['unimodal', finished],
        ['joint', finished],
      ]),
    );
    const { loss: value, applied } = stepOf(setting, contextAt(0));
    expect(value).toBeCloseTo(facts['g-blending'].loss, 4);
    expectGradients(applied, 'g-blending');
  });
});

describe('PMR', () => {
  const buffer = ({ model }: Setting, name: string) => model.parameters.buffers.get(`pmr.${name}`)!;
  const remember = (setting: Setting) => {
    for (const modality of MODALITIES) {
      buffer(setting, `prototypes.${modality}`).assign(golden.tensor(`pmr/old/${modality}`));
      buffer(setting, `known.${modality}`).assign(tf.ones([CLASSES, 1]));
    }
  };

  it('takes a step as PyTorch does, drawing the weaker modality to its prototypes', () => {
    const setting = set('pmr', 'mmpareto');
    remember(setting);
    const { loss: value, applied } = stepOf(setting, contextAt(1));
    expect(value).toBeCloseTo(facts.pmr.loss, 4);
    expectGradients(applied, 'pmr');
  });

  it('moves the prototypes to the means of the epoch’s features, and begins with those', () => {
    const [fresh, later] = [set('pmr', 'mmpareto'), set('pmr', 'mmpareto')];
    remember(later);
    for (const setting of [fresh, later]) {
      stepOf(setting, contextAt(0));
      const { model } = setting;
      const train = emptyTally(MODALITIES);
      setting.method.onEpochEnd!({}, { epoch: 0, model, train, validation: undefined });
    }
    for (const modality of MODALITIES) {
      const moved = buffer(later, `prototypes.${modality}`);
      expect(relativeError(moved, golden.values(`pmr/prototypes/${modality}`))).toBeLessThan(TOLERANCE);
      // moved = 0.8 means + 0.2 old
      const means = tf.div(tf.sub(moved, tf.mul(0.2, golden.tensor(`pmr/old/${modality}`))), 0.8);
      expect(relativeError(buffer(fresh, `prototypes.${modality}`), means.dataSync())).toBeLessThan(
        TOLERANCE,
      );
      expect(Array.from(buffer(later, `sums.${modality}`).dataSync()).every((sum) => sum === 0)).toBe(true);
    }
  });
});

describe('AGM', () => {
  it('takes a step as PyTorch does, with a fusion that is not a sum', () => {
    const setting = set('agm', 'agm', 'film');
    setting.method.state!.restore(facts.agm.state);
    const { loss: value, coefficients, applied } = stepOf(setting, contextAt(0));
    expectClose(coefficients, facts.agm.coefficients);
    expect(value).toBeCloseTo(facts.agm.loss, 4);
    expectGradients(applied, 'agm');
    const saved = setting.method.state!.save() as { steps: number; means: object };
    expect(saved.steps).toBe(facts.agm.state.steps + 1);
    expectClose(saved.means, facts.agm.after);
  });

  it('moves the running statistics once a step, though some passes leave a modality out', () => {
    const [agm, joint] = [set('agm', 'agm', 'film'), set('joint', 'agm', 'film')];
    stepOf(agm, contextAt(0));
    stepOf(joint, contextAt(0));
    for (const [name, buffer] of joint.model.parameters.buffers) {
      expect(agm.model.parameters.buffers.get(name)!.dataSync(), name).toEqual(buffer.dataSync());
    }
  });

  it('has κ = 1 before its first epoch, and after its last keeps the last step’s, also when it is resumed', () => {
    const settings = { agm: { startEpoch: 1, endEpoch: 2 } };
    const setting = set('agm', 'agm', 'film', settings);
    expect(stepOf(setting, contextAt(0)).coefficients).toEqual({ audio: 1, rgb: 1 });
    setting.method.state!.restore(facts.agm.state);
    const { coefficients } = stepOf(setting, contextAt(2));
    expect(coefficients!.audio).not.toBe(1);
    const saved = setting.method.state!.save();
    expect(stepOf(setting, contextAt(3)).coefficients).toEqual(coefficients);
    const resumed = set('agm', 'agm', 'film', settings);
    resumed.method.state!.restore(JSON.parse(JSON.stringify(saved)));
    expect(stepOf(resumed, contextAt(3)).coefficients).toEqual(coefficients);
    expect(resumed.method.state!.save()).toEqual(saved);
  });
});

describe('UMT', () => {
  it('takes a step as PyTorch does, drawn to its teachers’ features', () => {
    const setting = set('umt', 'mmpareto');
    const features = { audio: golden.values('umt/teacher/audio'), rgb: golden.values('umt/teacher/rgb') };
    const model = { forward: () => ({ features }) } as unknown as LoadedModel;
    setting.method.begin!(new Map([['unimodal', { model, metrics: [] }]]));
    const { loss: value, applied } = stepOf(setting, contextAt(0));
    expect(value).toBeCloseTo(facts.umt.loss, 3);
    expectGradients(applied, 'umt');
  });
});

describe('MLA', () => {
  it('takes a step as PyTorch does: the modalities in turn, the head’s gradients projected', () => {
    const { method, model } = set('mla', 'mla');
    const { rate, step, steps } = facts.mla;
    const projection = model.parameters.buffers.get('mla.projection')!;
    projection.assign(golden.tensor('mla/before'));
    const values = () =>
      new Map(
        [...model.parameters.trainable].map(([name, value]) => [name, value.dataSync<'float32'>().slice()]),
      );
    const before = values();
    const optimizer = createSgd(model.parameters.trainable, { momentum: 0, weightDecay: 0 });
    const outcome = trainStep({ model, method, optimizer }, batch, contextAt(0, step, steps), rate);
    expect(outcome.loss).toBeCloseTo(facts.mla.loss, 5);
    expect(relativeError(projection, golden.values('mla/after'))).toBeLessThan(TOLERANCE);
    const after = values();
    const moved = new Map(
      [...before].map(([name, start]) => [
        name,
        start.map((value, at) => (value - after.get(name)![at]!) / rate),
      ]),
    );
    expectGradients(moved, 'mla');
  });

  it('does not project the first update of a training, nor move the projection before it', () => {
    const [{ method, model }, twin] = [set('mla', 'mla'), set('mla', 'mla')];
    const mean = tf.mean<Tensor2D>(twin.model.encodeOne(batch, 'rgb', true), 0, true);
    const optimizer = createSgd(model.parameters.trainable, { momentum: 0, weightDecay: 0 });
    trainStep({ model, method, optimizer }, batch, contextAt(0), 0.1);
    const projection = model.parameters.buffers.get('mla.projection')!;
    expect(relativeError(projection, moveProjection(tf.eye(8), mean, 0.1).dataSync())).toBeLessThan(
      TOLERANCE,
    );
  });

  it('weighs each clip’s modalities by their certainty', () => {
    const { logits, fused } = facts.mla.fusing;
    const parameters = new Parameters(0);
    const modalities: Modality[] = ['audio', 'rgb', 'flow'];
    const fusion = sharedHead('entropy').create(parameters, {
      modalities,
      featureSize: CLASSES,
      classes: CLASSES,
    });
    parameters.trainable.get('fusion.classifier.weight')!.assign(tf.eye(CLASSES));
    parameters.trainable.get('fusion.classifier.bias')!.assign(tf.zeros([CLASSES]));
    const values = Object.fromEntries(modalities.map((modality, at) => [modality, tf.tensor2d(logits[at]!)]));
    const everyone = new Uint8Array([1, 1, 1]);
    const present = { audio: everyone, rgb: everyone, flow: everyone };
    const whole = fusion.fuse({ size: 3, values, present }).logits;
    expect(relativeError(whole, fused.flat())).toBeLessThan(1e-5);
    const only = fusion.fuse({ size: 3, values, present: { rgb: everyone } }).logits;
    expect(relativeError(only, logits[1]!.flat())).toBeLessThan(1e-5);
  });

  it('keeps the projection from undoing what the head has learnt of a direction', () => {
    // By hand: P = I, z̄ = (1, 0), λ → 0: P loses that direction, and keeps the other at length 1.
    const moved = moveProjection(tf.eye(2), tf.tensor2d([[1, 0]]), 1e-9);
    expect(relativeError(moved, [0, 0, 0, 1])).toBeLessThan(1e-6);
  });
});

describe('ReconBoost', () => {
  const FOUR = { epochs: 48, reconBoost: { boostEpochs: 4, rectifyEpochs: 4 } };

  it('boosts one modality against the others as PyTorch does, and leaves those alone', () => {
    const { loss: value, applied } = stepOf(set('reconboost', 'reconboost', 'concat', FOUR), contextAt(8));
    expect(value).toBeCloseTo(facts.reconboost.loss, 5);
    expectGradients(applied, 'reconboost');
  });

  it('rectifies all by the loss of their sum', () => {
    const { loss: value, applied } = stepOf(set('reconboost', 'reconboost', 'concat', FOUR), contextAt(12));
    expect(value).toBeCloseTo(facts.reconboost.rectify, 5);
    expect(applied.has('audio.conv1.weight') && applied.has('rgb.conv1.weight')).toBe(true);
  });

  const THREE: Modality[] = ['audio', 'rgb', 'flow'];
  const lengthsOf = (epochs: number, modalities: number, reconBoost = {}) =>
    stageLengths({ epochs, reconBoost }, modalities);

  it('goes through the modalities in stages of boosting and rectification', () => {
    const four = lengthsOf(48, 3, { boostEpochs: 4, rectifyEpochs: 4 });
    expect(stageOf(0, THREE, four)).toEqual({
      current: 'audio',
      previous: undefined,
      joined: ['audio'],
      boosting: true,
      startsPart: false,
    });
    expect(stageOf(4, THREE, four)).toMatchObject({ current: 'audio', boosting: false, startsPart: true });
    expect(stageOf(8, THREE, four)).toMatchObject({ current: 'rgb', previous: 'audio', boosting: true });
    expect(stageOf(9, THREE, four).startsPart).toBe(false);
    expect(stageOf(24, THREE, four)).toEqual({
      current: 'audio',
      previous: 'flow',
      joined: THREE,
      boosting: true,
      startsPart: true,
    });
  });

  it('has stages of which three rounds fit, at most the authors’ 4 + 4', () => {
    expect(lengthsOf(10, 2)).toEqual({ boost: 1, rectify: 1, round: 4, rounds: 2 });
    expect(lengthsOf(12, 2)).toEqual({ boost: 1, rectify: 1, round: 4, rounds: 3 });
    expect(lengthsOf(40, 2)).toEqual({ boost: 3, rectify: 3, round: 12, rounds: 3 });
    expect(lengthsOf(200, 2)).toEqual({ boost: 4, rectify: 4, round: 16, rounds: 12 });
    expect(lengthsOf(18, 3)).toEqual({ boost: 1, rectify: 1, round: 6, rounds: 3 });
    expect(lengthsOf(20, 2, { boostEpochs: 3 })).toMatchObject({ boost: 3, rectify: 3 });
    expect(lengthsOf(20, 2, { boostEpochs: 3, rectifyEpochs: 0 })).toMatchObject({ rectify: 0, round: 6 });
  });

  it.each([10, 12, 40])('in %i epochs each modality boosts as often and at the same rates', (epochs) => {
    const lengths = lengthsOf(epochs, 2);
    const training = trainingConfigSchema.parse({ epochs, schedule: { name: 'cosine' } });
    const rates = { audio: [] as number[], rgb: [] as number[] };
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const { current, boosting } = stageOf(epoch, MODALITIES, lengths);
      const rate = learningRateAt(training, rateEpoch(epoch, lengths), 0);
      if (boosting) rates[current as 'audio' | 'rgb'].push(rate);
    }
    expect(rates.audio.length).toBeGreaterThan(1);
    expect(rates.rgb).toEqual(rates.audio);
    expect(rates.rgb.at(-1)).toBeGreaterThan(0.2 * rates.rgb[0]!);
    // What is left rectifies all, at its own rate.
    for (let epoch = lengths.rounds * lengths.round; epoch < epochs; epoch += 1) {
      expect(stageOf(epoch, MODALITIES, lengths)).toMatchObject({ boosting: false, joined: MODALITIES });
      expect(rateEpoch(epoch, lengths)).toBe(epoch);
    }
  });

  it('is refused where a modality would never be trained, with what to change', () => {
    const config = (epochs: number, reconBoost: object = {}) =>
      runConfigSchema.safeParse({
        name: 'a',
        dataset: { format: 'digits', root: 'clips' },
        training: { methods: ['reconboost'], epochs, reconBoost },
      });
    expect(config(4).success).toBe(true);
    expect(config(10, { boostEpochs: 4, rectifyEpochs: 4 }).error?.message).toMatch(
      /16 epochs for a stage of each of 2 modalities \(4 \+ 4\), and training.epochs is 10.*boostEpochs/su,
    );
    const training = trainingConfigSchema.parse({ epochs: 3 });
    // A fine-tuning has epochs of its own.
    const method = METHOD_OF.reconboost(training, MODALITIES);
    expect(() => {
      method.begin!(new Map());
    }).toThrow(/4 epochs.*training.epochs is 3/su);
  });

  it('the optimiser remembers nothing when a part begins, and is as new', () => {
    const weights = () => new Map([['w', tf.variable(tf.tensor1d([1, -2]))]]);
    const [used, fresh] = [weights(), weights()];
    const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, decoupled: false };
    const makers = [
      (map: Map<string, Variable>) => createSgd(map, { momentum: 0.9, weightDecay: 0 }),
      (map: Map<string, Variable>) => createAdam(map, settings),
    ];
    for (const make of makers) {
      const [a, b] = [make(used), make(fresh)];
      a.apply(new Map([['w', tf.tensor1d([3, 1])]]), 0.1);
      forget(a);
      used.get('w')!.assign(fresh.get('w')!);
      for (const optimizer of [a, b]) optimizer.apply(new Map([['w', tf.tensor1d([0.5, 2])]]), 0.1);
      expect(used.get('w')!.dataSync()).toEqual(fresh.get('w')!.dataSync());
    }
  });
});

describe('a method that compares modalities', () => {
  const target = { fusion: 'film', validationShare: 0.1, rhoFrom: 'train' } as const;

  it.each(['pmr', 'agm', 'reconboost'] as const)(
    '%s is refused for one of them, with the reason',
    (method) => {
      const problem = methodProblem(method, { ...target, modalities: ['audio'] });
      expect(problem).toMatch(/needs at least 2 modalities, and extraction.modalities has 1: it /u);
      expect(methodProblem(method, { ...target, modalities: ['audio', 'rgb', 'flow'] })).toBeUndefined();
    },
  );
});
