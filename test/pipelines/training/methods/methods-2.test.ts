/** Whole steps of input and manifold mixup, B-MM's parts, OPM, MMCosine, LFM and CML against PyTorch (golden/make_methods_2.py). */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { BuiltInMethod } from '../../../../schemas/config/methods.ts';
import { trainingConfigSchema } from '../../../../schemas/config/training-config.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import { randomGenerator, type Generator } from '../../../../pipelines/random/generator.ts';
import type { Batch, Images } from '../../../../pipelines/training/data/batches.ts';
import { writeVariables } from '../../../../pipelines/training/checkpoints/checkpoint.ts';
import { METHOD_OF } from '../../../../pipelines/training/methods/index.ts';
import { alignment, fittedShare, matchingShare } from '../../../../pipelines/training/methods/lfm.ts';
import type { ForwardPass, StepContext, StepTools } from '../../../../pipelines/training/methods/method.ts';
import { MultimodalModel } from '../../../../pipelines/training/model/model.ts';
import { dropProbabilities } from '../../../../pipelines/training/methods/modulation/drop-probabilities.ts';
import type { Gradients } from '../../../../pipelines/engine/network/parameters.ts';
import type { StoredTensor } from '../../../../pipelines/training/checkpoints/safetensors.ts';
import { tf } from '../../../../pipelines/engine/tensorflow.ts';
import { readGolden, relativeError } from '../golden/read-golden.ts';

const TOLERANCE = 1e-4;
const numbers = z.record(z.string(), z.number());
const caseSchema = z.object({
  modalities: z.array(z.enum(['audio', 'rgb', 'flow'])),
  loss: z.number(),
  /** Of all gradients together. */
  norm: z.number(),
  ratio: z.number().optional(),
  rho: numbers.optional(),
  balance: z.record(z.string(), z.unknown()).optional(),
  ratios: numbers.optional(),
  draws: z.record(z.string(), z.array(z.number())).optional(),
  orders: z.array(z.array(z.int())).optional(),
  epoch: z.int().optional(),
  q: numbers.optional(),
  left: z.int().optional(),
  alpha: z.number().optional(),
  rises: z.int().optional(),
});
type Case = z.infer<typeof caseSchema>;
const facts = z
  .object({
    labels: z.array(z.int()),
    partners: z.array(z.int()),
    classes: z.int(),
    present: z.record(z.string(), z.array(z.int())),
    cases: z.record(z.string(), caseSchema),
  })
  .parse(JSON.parse(readFileSync(new URL('../golden/methods_2.json', import.meta.url), 'utf8')));
const golden = readGolden('methods_2');
const models: MultimodalModel[] = [];
afterAll(() => {
  for (const model of models) model.dispose();
});

function imagesOf(modality: Modality, present: readonly number[]): Images {
  const { shape, values } = golden.tensors.get(`input/${modality}`)!;
  const rows = Int32Array.from([...present.keys()].filter((row) => present[row] === 1));
  const size = values.length / shape[0]!;
  const chosen = [...rows].flatMap((row) => [...values.subarray(row * size, (row + 1) * size)]);
  return {
    rows,
    values: Float32Array.from(chosen),
    shape: [rows.length, ...shape.slice(1)] as unknown as Images['shape'],
  };
}

/** Complete for two modalities, with gaps for three. */
function batchOf({ modalities }: Pick<Case, 'modalities'>): Batch {
  const present = modalities.map((modality): [Modality, number[]] => [
    modality,
    modalities.length === 3 ? facts.present[modality]! : facts.labels.map(() => 1),
  ]);
  return {
    size: facts.labels.length,
    rows: Int32Array.from(facts.labels.keys()),
    labels: Int32Array.from(facts.labels),
    present: Object.fromEntries(present.map(([modality, flags]) => [modality, Uint8Array.from(flags)])),
    images: Object.fromEntries(present.map(([modality, flags]) => [modality, imagesOf(modality, flags)])),
  };
}

/** Draws what the golden script drew. */
function contextOf(given: Partial<Case>, depth = 0): StepContext {
  const next = (values: readonly number[]) => {
    let at = -1;
    return () => values[(at += 1)]!;
  };
  const draws: Record<string, Partial<Generator>> = {
    lambda: { beta: () => given.ratio! },
    pairs: { permutation: () => Uint32Array.from(facts.partners) },
    depth: { integer: () => depth },
    modulate: { uniform: () => 0 },
  };
  for (const [modality, values] of Object.entries(given.draws ?? {}))
    draws[`drop/${modality}`] = { uniform: next(values) };
  if (given.orders !== undefined) {
    const place = next([...given.orders.keys()]);
    draws['removal'] = { permutation: () => Uint32Array.from(given.orders![place()]!) };
  }
  return {
    epoch: (given.epoch ?? 1) - 1,
    stepInEpoch: 0,
    stepsPerEpoch: 1,
    random: (purpose) => (draws[purpose] as Generator | undefined) ?? randomGenerator(0, purpose),
  };
}

/** The golden weights; the head is the fusion's own. */
function modelOf(name: BuiltInMethod, training: ReturnType<typeof trainingOf>, modalities: Modality[]) {
  const { fusion = 'concat', extend } = METHOD_OF[name](training, modalities);
  const encoder = trainingConfigSchema.parse({ encoder: { width: 1 } }).encoder;
  const model = new MultimodalModel({ modalities, encoder, fusion, extend, classes: facts.classes, seed: 0 });
  models.push(model);
  const tensors = new Map<string, StoredTensor>(golden.under('weights'));
  const parts = modalities.map((modality) => golden.tensors.get(`classifier/${modality}`)!);
  for (const [at, modality] of modalities.entries())
    tensors.set(`fusion.classifier.${modality}.weight`, parts[at]!);
  tensors.set('fusion.classifier.weight', {
    shape: [modalities.length * parts[0]!.shape[0]!, facts.classes],
    values: Float32Array.from(parts.flatMap(({ values }) => [...values])),
  });
  writeVariables(model.parameters.trainable, tensors, 'methods_2.safetensors');
  return model;
}

function trainingOf(settings: Record<string, unknown> = {}) {
  return trainingConfigSchema.parse({ opm: { startEpoch: 0 }, ...settings });
}

function step(name: BuiltInMethod, given: Case, settings: Record<string, unknown> = {}, depth = 0) {
  const training = trainingOf(settings);
  const model = modelOf(name, training, given.modalities);
  const method = METHOD_OF[name](training, given.modalities);
  if (given.rho !== undefined) method.state?.restore({ rho: given.rho });
  let pass: ForwardPass | undefined;
  const { value, gradients } = model.parameters.gradients(() => {
    pass = method.forward(model, batchOf(given), contextOf(given, depth));
    return pass.loss;
  });
  return { loss: value.dataSync()[0]!, gradients, ratios: pass!.ratios };
}

/** Where the golden head is one matrix and ours one for each modality, its rows are cut. */
function expectGradients(gradients: Gradients, name: string, { norm, modalities }: Case) {
  const squares = [...gradients.values()].map((gradient) => tf.sum(tf.square(gradient)).dataSync()[0]!);
  const total = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  expect(Math.abs(total / norm - 1)).toBeLessThan(TOLERANCE);
  const expected = golden.under(name);
  const whole = expected.get('fusion.classifier.weight')!.values;
  const part = whole.length / modalities.length;
  const pairs = [...expected].flatMap(([parameter, { values }]) => {
    const ours = gradients.get(parameter);
    if (ours !== undefined) return [[ours.dataSync(), values] as const];
    expect(parameter).toBe('fusion.classifier.weight');
    return modalities.map((modality, at) => {
      const gradient = gradients.get(`fusion.classifier.${modality}.weight`)!;
      return [gradient.dataSync(), whole.subarray(at * part, (at + 1) * part)] as const;
    });
  });
  expect(pairs.length).toBeGreaterThan(2 * modalities.length);
  // Float32 leaves an error of the network's scale in every parameter, so one scale serves all of them.
  const [actual, wanted] = [0, 1].map((side) => pairs.flatMap((pair) => [...pair[side]!]));
  expect(relativeError(actual!, wanted!)).toBeLessThan(TOLERANCE);
}

function expectStep(outcome: ReturnType<typeof step>, name: string) {
  const given = facts.cases[name]!;
  expect(Math.abs(outcome.loss / given.loss - 1)).toBeLessThan(1e-5);
  expectGradients(outcome.gradients, name, given);
}

describe('a step equals PyTorch’s, complete with two modalities and with gaps in three,', () => {
  it.each(['input-mixup', 'opm', 'mmcosine', 'lfm', 'cml'] as const)('of %s', (method) => {
    for (const name of [method, `${method}-missing`]) expectStep(step(method, facts.cases[name]!), name);
  });

  it.each(Object.keys(facts.cases).filter((name) => name.startsWith('b-mm')))('of %s', (name) => {
    const given = facts.cases[name]!;
    const outcome = step('b-mm', given, { balance: given.balance });
    for (const [modality, ratio] of Object.entries(given.ratios!))
      expect(outcome.ratios![modality as Modality]).toBeCloseTo(ratio, 6);
    expectStep(outcome, name);
  });

  it('of lfm by our earlier, contrastive reading', () => {
    for (const name of ['lfm-contrastive', 'lfm-contrastive-missing']) {
      expectStep(
        step('lfm', facts.cases[name]!, { lfm: { loss: 'contrastive', matching: 'heuristic' } }),
        name,
      );
    }
  });

  it('of manifold-mixup at either depth', () => {
    expectStep(step('manifold-mixup', facts.cases['input-mixup']!, {}, 0), 'input-mixup');
    expectStep(step('manifold-mixup', facts.cases['feature-mixup']!, {}, 1), 'feature-mixup');
  });
});

describe('B-MM’s ratios', () => {
  const METHOD = (balance: Record<string, unknown>) =>
    METHOD_OF['b-mm'](trainingOf({ balance }), ['audio', 'rgb']);
  const model = modelOf('joint', trainingOf(), ['audio', 'rgb']);
  const sums = { audio: 0, rgb: 0 };
  const tally = (scores: { audio: number; rgb: number }) => ({
    ...{ clips: 1, lossSum: 0, fusedCorrect: 0, branchClips: sums, branchCorrect: sums, branchLossSum: sums },
    scores,
  });
  const end = (epoch: number, validation?: { audio: number; rgb: number }) => ({
    epoch,
    model,
    train: tally({ audio: 6, rgb: 2 }),
    validation: validation && tally(validation),
  });

  it('follow ρ of the validation split when told to, and cannot without one', () => {
    const method = METHOD({ rhoFrom: 'validation' });
    method.onEpochEnd!({ audio: 3, rgb: 1 / 3 }, end(0, { audio: 2, rgb: 4 }));
    expect(method.state!.save()).toEqual({ rho: { audio: 0.5, rgb: 2 } });
    expect(() => {
      method.onEpochEnd!({ audio: 3, rgb: 1 / 3 }, end(1));
    }).toThrow(/validation split, which has no clip/u);
  });

  it('stay with the first epoch’s ρ when told to', () => {
    const method = METHOD({ updates: 'first-epoch' });
    method.onEpochEnd!({ audio: 3, rgb: 1 / 3 }, end(0));
    method.onEpochEnd!({ audio: 0.5, rgb: 2 }, end(1));
    expect(method.state!.save()).toEqual({ rho: { audio: 3, rgb: 1 / 3 } });
  });

  it('are drawn one by one under the rule `independent`, whatever ρ is', () => {
    const given = { modalities: ['audio', 'rgb'] as Modality[], rho: { audio: 9, rgb: 1 / 9 } };
    const { ratios } = step('b-mm', given as unknown as Case, { balance: { rule: 'independent' } });
    for (const modality of ['audio', 'rgb'] as const) {
      const lambda = randomGenerator(0, `lambda/${modality}`).beta(1, 1);
      expect(ratios![modality]).toBe(Math.max(lambda, 1 - lambda));
    }
  });
});

describe('OPM', () => {
  it('drops who is ahead by its formula, nobody else, and always leaves something', () => {
    const settings = trainingOf({ opm: { dropBase: 0.4, lambda: 0.5 } }).opm;
    const q = dropProbabilities({ audio: 2.5, rgb: 0.4 }, settings);
    expect(q).toEqual({ audio: 0.4 * (1 + 0.5 * Math.tanh(1.5)), rgb: 0 });
    expect(dropProbabilities({ audio: 9 }, { ...settings, dropBase: 1 }).audio).toBeLessThan(1);
  });

  it('is joint training before its first epoch', () => {
    const given = facts.cases['opm']!;
    const early = step('opm', given, { opm: { startEpoch: 1 } });
    const joint = step('joint', given);
    expect(early.loss).toBe(joint.loss);
  });
});

describe('LFM', () => {
  it('aligns by the divergence of the authors’ code, not by the textbook’s', () => {
    const logits = (p: number) => tf.tensor2d([[Math.log(p), Math.log(1 - p)]]);
    // torch: ½ (kl_div(log p, m) + kl_div(log q, m)); Jensen-Shannon would be 0.27539612.
    expect(alignment(logits(0.9), logits(0.2)).dataSync()[0]).toBeCloseTo(0.3517197, 6);
    expect(alignment(logits(0.3), logits(0.3)).dataSync()[0]).toBeCloseTo(0, 6);
  });

  it('weighs it by the authors’ fitted share, epoch by epoch, and never below 0', () => {
    const expected = { 0: 0.7954, 1: 0.7919, 10: 0.7522, 30: 0.6463, 54: 0.5513, 100: 0.4608, 150: 0.1787 };
    for (const [epoch, share] of Object.entries(expected))
      expect(fittedShare(Number(epoch))).toBeCloseTo(share, 4);
    expect(fittedShare(180)).toBe(0); // the polynomial says −0.0077
    expect(fittedShare(199)).toBeCloseTo(0.084, 4);
    expect(fittedShare(1000)).toBe(fittedShare(199));
    expect(matchingShare(trainingOf(), 20)).toBeCloseTo(facts.cases['lfm']!.alpha!, 12);
  });

  it('can spread that curve over the epochs there are', () => {
    const short = trainingOf({ epochs: 10, lfm: { stretch: true } });
    expect(matchingShare(short, 0)).toBeCloseTo(0.7954, 4);
    expect(matchingShare(short, 5)).toBeCloseTo(0.4608, 4);
  });

  it('takes a config of earlier versions for the contrastive loss that it was', () => {
    const earlier = trainingOf({ lfm: { temperature: 0.1, matching: 'heuristic' } });
    expect(earlier.lfm).toMatchObject({ loss: 'contrastive', matching: 'heuristic', temperature: 0.1 });
    expect(matchingShare(earlier, 2)).toBeCloseTo(facts.cases['lfm-contrastive']!.alpha!, 12);
    expect(matchingShare(earlier, 0)).toBeCloseTo(1 - 1 / Math.E, 12);
    expect(trainingOf({ lfm: { matching: 0.3 } }).lfm).toMatchObject({ loss: 'divergence', matching: 0.3 });
  });
});

describe('a step that mixes inputs', () => {
  it('counts the unmixed clips and moves the running statistics by the mixed ones only', () => {
    const given = facts.cases['input-mixup']!;
    const training = trainingOf();
    const [observed, learnt] = [0, 1].map(() => modelOf('input-mixup', training, given.modalities));
    const method = METHOD_OF['input-mixup'](training, given.modalities);
    const seen: number[] = [];
    const tools: StepTools = {
      model: observed!,
      differentiate: (forward) => {
        const pass = forward();
        return { ...pass, loss: pass.loss.dataSync()[0]!, gradients: new Map() };
      },
      observe: ({ values }) => {
        seen.push(...values.audio!.dataSync());
        return {};
      },
      apply: () => undefined,
    };
    method.step!(tools, batchOf(given), contextOf(given));
    const features = learnt!.encode(batchOf(given), true);
    expect(relativeError(seen, features.values.audio!.dataSync())).toBeLessThan(1e-6);

    const [alone] = [modelOf('input-mixup', training, given.modalities)];
    method.forward(alone, batchOf(given), contextOf(given));
    for (const [name, buffer] of alone.parameters.buffers)
      expect(observed!.parameters.buffers.get(name)!.dataSync(), name).toEqual(buffer.dataSync());
  });
});
