/** Losses, ratios, coefficients and gradients of whole steps against PyTorch (golden/make_golden.py). */
import { readFileSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { BuiltInMethod } from '../../../../schemas/config/methods.ts';
import { trainingConfigSchema } from '../../../../schemas/config/training-config.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import { randomGenerator, type Generator } from '../../../../pipelines/random/generator.ts';
import type { Batch, Images } from '../../../../pipelines/training/data/batches.ts';
import { writeVariables } from '../../../../pipelines/training/checkpoints/checkpoint.ts';
import { discrepancyRatios } from '../../../../pipelines/training/methods/discrepancy.ts';
import { METHOD_OF } from '../../../../pipelines/training/methods/index.ts';
import type { StepContext } from '../../../../pipelines/training/methods/method.ts';
import { MultimodalModel } from '../../../../pipelines/training/model/model.ts';
import type { Gradients } from '../../../../pipelines/engine/network/parameters.ts';
import { answer } from '../../../../pipelines/training/model/answers.ts';
import { emptyTally, tallyBatch } from '../../../../pipelines/training/model/tally.ts';
import { tf } from '../../../../pipelines/engine/tensorflow.ts';
import { readGolden, relativeError } from '../golden/read-golden.ts';

const TOLERANCE = 1e-5;
const MODALITIES: Modality[] = ['audio', 'rgb'];
const pair = z.object({ audio: z.number(), rgb: z.number() });
const facts = z
  .object({
    labels: z.array(z.int()),
    partners: z.array(z.int()),
    classes: z.int(),
    present: z.object({ audio: z.array(z.int()), rgb: z.array(z.int()) }),
    branchLossSum: z.number(),
    cases: z.record(
      z.string(),
      z.object({
        loss: z.number(),
        beta: z.number().optional(),
        rho: pair.optional(),
        ratios: pair.optional(),
        scores: pair.optional(),
        coefficients: pair.optional(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('../golden/methods.json', import.meta.url), 'utf8')));

const golden = readGolden('methods');
const model = new MultimodalModel({
  modalities: MODALITIES,
  encoder: { depth: 18, width: 1 },
  fusion: 'concat',
  classes: facts.classes,
  seed: 0,
});
const everyone = { audio: facts.labels.map(() => 1), rgb: facts.labels.map(() => 1) };

function imagesOf(modality: Modality, present: readonly number[]): Images {
  const { shape, values } = golden.tensors.get(modality)!;
  const rows = Int32Array.from([...present.keys()].filter((row) => present[row] === 1));
  const size = values.length / shape[0]!;
  const chosen = Float32Array.from(
    [...rows].flatMap((row) => [...values.subarray(row * size, (row + 1) * size)]),
  );
  return { rows, values: chosen, shape: [rows.length, ...shape.slice(1)] as unknown as Images['shape'] };
}

function batchOf(present: { audio: number[]; rgb: number[] }): Batch {
  return {
    size: facts.labels.length,
    rows: Int32Array.from(facts.labels.keys()),
    labels: Int32Array.from(facts.labels),
    present: { audio: Uint8Array.from(present.audio), rgb: Uint8Array.from(present.rgb) },
    images: { audio: imagesOf('audio', present.audio), rgb: imagesOf('rgb', present.rgb) },
  };
}

/** Draws what the golden script drew. */
function contextOf(beta = 0): StepContext {
  const fixed = { beta: () => beta, permutation: () => Uint32Array.from(facts.partners) };
  return {
    epoch: 0,
    stepInEpoch: 0,
    stepsPerEpoch: 1,
    random: (purpose) =>
      ['lambda', 'pairs'].includes(purpose) ? (fixed as unknown as Generator) : randomGenerator(0, purpose),
  };
}

const training = trainingConfigSchema.parse({
  ogm: { alpha: 0.8, ge: false, endEpoch: 3 },
});

function step(name: BuiltInMethod, batch: Batch, context: StepContext, state?: unknown, config = training) {
  const method = METHOD_OF[name](config, MODALITIES);
  if (state !== undefined) method.state?.restore(state);
  let ratios: unknown;
  let rho = {};
  let scores = {};
  const { value, gradients } = model.parameters.gradients(() => {
    const pass = method.forward(model, batch, context);
    ratios = pass.ratios;
    ({ scores } = tallyBatch(answer(model, pass.features), batch.labels, batch.present, MODALITIES));
    rho = discrepancyRatios(scores);
    return pass.loss;
  });
  // Those that it replaces are gone afterwards.
  const given: Gradients = new Map([...gradients].map(([key, gradient]) => [key, gradient.clone()]));
  const adjusted = method.adjustGradients?.(given, rho, context);
  return { loss: value.dataSync()[0]!, ratios, rho, scores, adjusted, gradients, given };
}

function expectGradients(gradients: Gradients, name: string) {
  const expected = golden.under(name);
  expect([...gradients.keys()].sort()).toEqual([...expected.keys()].sort());
  // Float32 leaves an error of the network's scale in every parameter, so one scale serves all of them.
  const names = [...expected.keys()];
  const all = (of: (name: string) => ArrayLike<number>) =>
    Float32Array.from(names.flatMap((parameter) => Array.from(of(parameter))));
  const actual = all((parameter) => gradients.get(parameter)!.dataSync());
  expect(
    relativeError(
      actual,
      all((parameter) => expected.get(parameter)!.values),
    ),
  ).toBeLessThan(TOLERANCE);
}

function expectClose(actual: unknown, expected: Record<string, number> | undefined) {
  expect(expected).toBeDefined();
  for (const [key, value] of Object.entries(expected!)) {
    expect((actual as Record<string, number>)[key]).toBeCloseTo(value, 5);
  }
}

beforeEach(() => {
  writeVariables(model.parameters.all(), golden.under('weights'), 'methods.safetensors');
});
afterAll(() => {
  model.dispose();
});

describe('a step equals PyTorch’s', () => {
  it('of joint training', () => {
    const { loss, gradients } = step('joint', batchOf(everyone), contextOf());
    expect(loss).toBeCloseTo(facts.cases['joint']!.loss, 5);
    expectGradients(gradients, 'joint');
  });

  it('of MM: ratio, loss and gradients', () => {
    const expected = facts.cases['mm']!;
    const { loss, ratios, gradients } = step('mm', batchOf(everyone), contextOf(expected.beta));
    expectClose(ratios, expected.ratios);
    expect(loss).toBeCloseTo(expected.loss, 5);
    expectGradients(gradients, 'mm');
  });

  it('of B-MM: ratios, loss and gradients', () => {
    const expected = facts.cases['b-mm']!;
    const outcome = step('b-mm', batchOf(everyone), contextOf(expected.beta), { rho: expected.rho });
    expectClose(outcome.ratios, expected.ratios);
    expect(outcome.loss).toBeCloseTo(expected.loss, 5);
    expectGradients(outcome.gradients, 'b-mm');
  });

  it('of B-MM where clips lack modalities', () => {
    const expected = facts.cases['b-mm-missing']!;
    const outcome = step('b-mm', batchOf(facts.present), contextOf(expected.beta), { rho: expected.rho });
    expect(outcome.loss).toBeCloseTo(expected.loss, 5);
    expectGradients(outcome.gradients, 'b-mm-missing');
  });

  it('of OGM: scores, ρ, coefficients, loss and modulated gradients', () => {
    const expected = facts.cases['ogm']!;
    const outcome = step('ogm-ge', batchOf(everyone), contextOf());
    expectClose(outcome.scores, expected.scores);
    expectClose(outcome.rho, expected.rho);
    expectClose(outcome.adjusted?.coefficients, expected.coefficients);
    expect(outcome.loss).toBeCloseTo(expected.loss, 5);
    expectGradients(outcome.adjusted!.gradients, 'ogm');
  });

  it('of OGM by its own name, without noise even where the config has it on', () => {
    const expected = facts.cases['ogm']!;
    const noisy = { ...training, ogm: { ...training.ogm, ge: true } };
    const outcome = step('ogm', batchOf(everyone), contextOf(), undefined, noisy);
    expectClose(outcome.adjusted?.coefficients, expected.coefficients);
    expectGradients(outcome.adjusted!.gradients, 'ogm');
  });
});

describe('B-MM', () => {
  it('with ρ = 1 is MM, bit for bit', () => {
    const context = contextOf(0.3);
    const mm = step('mm', batchOf(everyone), context);
    writeVariables(model.parameters.all(), golden.under('weights'), 'methods.safetensors');
    const bmm = step('b-mm', batchOf(everyone), context, { rho: { audio: 1, rgb: 1 } });
    expect(bmm.loss).toBe(mm.loss);
    for (const [name, gradient] of mm.gradients) {
      expect(bmm.gradients.get(name)!.dataSync(), name).toEqual(gradient.dataSync());
    }
  });

  it('with γ = 0 is MM, bit for bit, whoever leads and whatever is missing', () => {
    const context = contextOf(0.3);
    const mm = step('mm', batchOf(facts.present), context);
    writeVariables(model.parameters.all(), golden.under('weights'), 'methods.safetensors');
    const off = trainingConfigSchema.parse({ balance: { gamma: 0 } });
    const bmm = step('b-mm', batchOf(facts.present), context, { rho: { audio: 3, rgb: 1 / 3 } }, off);
    expect(bmm.loss).toBe(mm.loss);
    for (const [name, gradient] of mm.gradients) {
      expect(bmm.gradients.get(name)!.dataSync(), name).toEqual(gradient.dataSync());
    }
  });

  it('takes the ratios of the next epoch from the ρ of the last, and keeps it in its state', () => {
    const method = METHOD_OF['b-mm'](training, MODALITIES);
    const end = { epoch: 0, model, train: emptyTally(MODALITIES), validation: undefined };
    method.onEpochEnd?.({ audio: 1.6, rgb: 0.625 }, end);
    expect(method.state?.save()).toEqual({ rho: { audio: 1.6, rgb: 0.625 } });
  });
});

describe('OGM-GE', () => {
  it('adds noise of the gradient’s own deviation to the encoders’ convolutions only', () => {
    const noisy = trainingConfigSchema.parse({ ogm: { alpha: 0, ge: true } });
    const { given, gradients, adjusted } = step('ogm-ge', batchOf(everyone), contextOf(), undefined, noisy);
    const name = 'audio.layer4.1.conv2.weight';
    const noise = tf.sub(adjusted!.gradients.get(name)!, gradients.get(name)!);
    const ratio =
      tf.moments(noise).variance.dataSync()[0]! / tf.moments(gradients.get(name)!).variance.dataSync()[0]!;
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.4);
    for (const untouched of ['audio.bn1.weight', 'fusion.classifier.weight']) {
      expect(adjusted!.gradients.get(untouched)).toBe(given.get(untouched));
    }
  });

  it('leaves gradients alone after its last epoch', () => {
    const { given, adjusted } = step('ogm-ge', batchOf(everyone), { ...contextOf(), epoch: 4 });
    expect(adjusted!.coefficients).toEqual({ audio: 1, rgb: 1 });
    expect(adjusted!.gradients).toBe(given);
  });
});

describe('unimodal', () => {
  const alone = (present = everyone) => {
    const late = new MultimodalModel({
      modalities: MODALITIES,
      encoder: { depth: 18, width: 1 },
      fusion: 'late',
      classes: facts.classes,
      seed: 3,
    });
    const method = METHOD_OF.unimodal(training, MODALITIES);
    const { gradients } = late.parameters.gradients(
      () => method.forward(late, batchOf(present), contextOf()).loss,
    );
    const values = new Map([...gradients].map(([name, gradient]) => [name, gradient.dataSync()]));
    late.dispose();
    return values;
  };

  it('trains each modality by what it sees alone: another modality’s clips change nothing', () => {
    const all = alone();
    const fewer = alone({ audio: everyone.audio, rgb: [1, 1, 1, 0, 1, 0] });
    expect(fewer.get('audio.conv1.weight')).toEqual(all.get('audio.conv1.weight'));
    expect(fewer.get('rgb.conv1.weight')).not.toEqual(all.get('rgb.conv1.weight'));
  });
});
