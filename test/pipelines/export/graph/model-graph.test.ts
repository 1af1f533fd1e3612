/** The exported graph, loaded by TensorFlow itself and by TF.js, beside the product's own model. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { modelGraph } from '../../../../pipelines/export/graph/model-graph.ts';
import type { OutputFile } from '../../../../pipelines/export/output-file.ts';
import { savedModelFiles, SIGNATURES } from '../../../../pipelines/export/saved-model.ts';
import { tfjsFiles } from '../../../../pipelines/export/tfjs-model.ts';
import { weightsOf } from '../../../../pipelines/export/weights.ts';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import type { Batch, Images } from '../../../../pipelines/training/data/batches.ts';
import { readVariables } from '../../../../pipelines/training/checkpoints/checkpoint.ts';
import { CHANNELS } from '../../../../pipelines/training/model/encoders/index.ts';
import { namedFusion, type ModelFusion } from '../../../../pipelines/training/model/fusion/index.ts';
import { cosineFusion } from '../../../../pipelines/training/model/fusion/cosine.ts';
import { sharedHead } from '../../../../pipelines/training/model/fusion/shared-head.ts';
import { createUnimodalHeads } from '../../../../pipelines/training/methods/unimodal-heads.ts';
import { MultimodalModel } from '../../../../pipelines/training/model/model.ts';
import { answer } from '../../../../pipelines/training/model/answers.ts';
import { tf, type Tensor } from '../../../../pipelines/engine/tensorflow.ts';
import { encoderConfigSchema } from '../../../../schemas/config/encoder-config.ts';
import { entriesOf, type MediaModality } from '../../../../schemas/modality.ts';

const folder = mkdtempSync(join(tmpdir(), 'modalmix-export-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const ALL = ['audio', 'rgb', 'flow'] as const;
const CLASSES = 4;
const CLIPS = 4;
/** Odd sizes: a padding on the wrong side would show. */
const SHAPES = { audio: [1, 37, 26], rgb: [3, 33, 33], flow: [2, 33, 33] } as const;
const SCALES = {
  audio: { mean: [-4], std: [2.5] },
  rgb: { mean: [120, 115, 104], std: [58, 57, 59] },
  flow: { mean: [127, 129], std: [11, 9] },
} as const;
/** Of the four clips, those that have it: only the first has everything, the last has one modality. */
const PRESENT = { audio: [1, 0, 1, 0], rgb: [1, 1, 1, 0], flow: [1, 1, 0, 1] } as const;
const RELATIVE = 1e-4;

const shapeOf = (modality: MediaModality) =>
  [...SHAPES[modality], CHANNELS[modality]] as [number, number, number, number];

/** [clips, F, H, W, C] in the shards' units. */
function columns(modality: MediaModality): Float32Array {
  const random = randomGenerator(7, `columns/${modality}`);
  const { mean, std } = SCALES[modality];
  const channels = CHANNELS[modality];
  const size = CLIPS * shapeOf(modality).reduce((product, one) => product * one, 1);
  return Float32Array.from(
    { length: size },
    (_, i) => mean[i % channels]! + std[i % channels]! * random.normal(),
  );
}

/** Only the clips that have a modality are in its images, normalised. */
function batchOf(
  modalities: readonly MediaModality[],
  has: (modality: MediaModality, clip: number) => boolean,
): Batch {
  const images: Partial<Record<MediaModality, Images>> = {};
  const present: Partial<Record<MediaModality, Uint8Array>> = {};
  for (const modality of modalities) {
    const rows = Int32Array.from([...Array(CLIPS).keys()].filter((clip) => has(modality, clip)));
    const shape = shapeOf(modality);
    const size = shape.reduce((product, one) => product * one, 1);
    const { mean, std } = SCALES[modality];
    const all = columns(modality).map((value, i) => {
      const channel = i % CHANNELS[modality];
      return (value - mean[channel]!) / std[channel]!;
    });
    const values = new Float32Array(rows.length * size);
    rows.forEach((clip, at) => values.set(all.subarray(clip * size, (clip + 1) * size), at * size));
    present[modality] = Uint8Array.from({ length: CLIPS }, (_, clip) => Number(has(modality, clip)));
    images[modality] = { rows, shape: [rows.length, ...shape], values };
  }
  return { size: CLIPS, rows: Int32Array.of(0, 1, 2, 3), labels: new Int32Array(CLIPS), present, images };
}

interface Case {
  readonly title: string;
  readonly fusion: ModelFusion;
  readonly encoder?: object;
  readonly modalities?: readonly MediaModality[];
  readonly heads?: boolean;
}

const CASES: readonly Case[] = [
  { title: 'concat', fusion: 'concat' },
  { title: 'concat of ResNet-18s', fusion: 'concat', encoder: { depth: 18, width: 4 } },
  {
    title: 'sum of ResNet-34s',
    fusion: 'sum',
    encoder: { depth: 34, width: 2 },
    modalities: ['rgb', 'audio'],
  },
  {
    title: 'concat of ResNet-50s',
    fusion: 'concat',
    encoder: { depth: 50, width: 2 },
    modalities: ['audio', 'rgb'],
  },
  { title: 'concat of one modality', fusion: 'concat', modalities: ['audio'] },
  { title: 'concat with heads of its own', fusion: 'concat', heads: true },
  { title: 'sum', fusion: 'sum' },
  { title: 'film', fusion: 'film' },
  { title: 'film of one modality', fusion: 'film', modalities: ['rgb'] },
  { title: 'gated', fusion: 'gated' },
  { title: 'gated of one modality', fusion: 'gated', modalities: ['flow'] },
  { title: 'late', fusion: 'late' },
  { title: 'cosine', fusion: cosineFusion(8) },
  { title: 'shared head by entropy', fusion: sharedHead('entropy') },
  { title: 'shared head by mean', fusion: sharedHead('mean') },
];

/** With running statistics, scales and offsets that matter. */
function createCase({ fusion, encoder, modalities = ALL, heads = false }: Case): MultimodalModel {
  const model = new MultimodalModel({
    modalities,
    encoder: encoderConfigSchema.parse(encoder ?? { kind: 'cnn', width: 4 }),
    fusion,
    classes: CLASSES,
    seed: 3,
    extend: heads ? createUnimodalHeads : undefined,
  });
  for (const [name, variable] of model.parameters.all()) {
    if (variable.rank !== 1) continue;
    const random = randomGenerator(5, name);
    const around = /weight$|running_var$/u.test(name) ? 1 : 0;
    tf.tidy(() => {
      variable.assign(
        tf.tensor1d(Array.from({ length: variable.size }, () => around + 0.3 * random.uniform())),
      );
    });
  }
  return model;
}

function write(name: string, files: readonly OutputFile[]): string {
  const place = join(folder, name.replaceAll(' ', '-'));
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  for (const { path, bytes } of files) writeFileSync(join(place, path), bytes);
  return place;
}

type Answers = Readonly<Record<string, Float32Array>>;

function expected(model: MultimodalModel, batch: Batch): Answers {
  let answers: Answers = {};
  tf.tidy(() => {
    const { fused, branches } = answer(model, model.encode(batch, false));
    answers = { fused_logits: fused.slice() };
    for (const [modality, logits] of entriesOf(branches)) {
      answers = { ...answers, [`${modality}_logits`]: logits.slice() };
    }
  });
  return answers;
}

function softmax(logits: Float32Array): number[] {
  const rows = Array.from({ length: CLIPS }, (_, row) => [
    ...logits.subarray(row * CLASSES, (row + 1) * CLASSES),
  ]);
  return rows.flatMap((row) => {
    const weights = row.map((one) => Math.exp(one - Math.max(...row)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((one) => one / sum);
  });
}

/** A branch says nothing of clips that lack its modality. */
function expectSame(found: Answers, wanted: Answers, batch: Batch, title: string): void {
  expect(Object.keys(found).sort()).toEqual(
    Object.keys(wanted)
      .flatMap((name) => [name, name.replace('logits', 'probabilities')])
      .sort(),
  );
  for (const [name, logits] of Object.entries(wanted)) {
    const present = batch.present[name.split('_')[0] as MediaModality];
    const largest = Math.max(...logits.map(Math.abs));
    const probabilities = softmax(logits);
    for (let i = 0; i < logits.length; i += 1) {
      if (present?.[Math.floor(i / CLASSES)] === 0) continue;
      const difference = Math.abs(found[name]![i]! - logits[i]!);
      expect(difference, `${title} ${name} ${String(i)}`).toBeLessThanOrEqual(RELATIVE * largest);
      expect(found[name.replace('logits', 'probabilities')]![i]).toBeCloseTo(probabilities[i]!, 4);
    }
  }
}

/** Tensors of every input, with fillers in clips that lack it: the graph takes all clips. */
function inputs(modalities: readonly MediaModality[]): Record<string, Tensor> {
  return Object.fromEntries(
    modalities.map((modality) => {
      const [frames, ...image] = shapeOf(modality);
      const shape = modality === 'audio' ? [CLIPS, ...image.slice(0, 2)] : [CLIPS, frames, ...image];
      return [modality, tf.tensor(columns(modality), shape)];
    }),
  );
}

const presence = (modalities: readonly MediaModality[]) =>
  tf.tensor2d(
    Array.from({ length: CLIPS }, (_, clip) => modalities.map((modality) => PRESENT[modality][clip]!)),
  );

const valuesOf = (tensors: Record<string, Tensor>): Answers =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.dataSync<'float32'>()]));

describe.each(CASES)('the graph of $title', (one) => {
  const { title, fusion, heads, modalities = ALL } = one;
  const model = createCase(one);
  const built = modelGraph({
    modalities,
    encoder: encoderConfigSchema.parse(one.encoder ?? { kind: 'cnn', width: 4 }),
    fusion: namedFusion(fusion),
    heads: heads === true ? 'heads' : undefined,
    classes: CLASSES,
    weights: weightsOf(readVariables(model.parameters.all())),
    shapeOf: (modality) => shapeOf(modality as MediaModality),
    scaleOf: (modality) => SCALES[modality as MediaModality],
  });
  const complete = batchOf(modalities, () => true);
  const partial = batchOf(modalities, (modality, clip) => PRESENT[modality][clip] === 1);
  // With one modality a clip that lacks it is no clip.
  const isPartial = modalities.length > 1;
  const wanted = { complete: expected(model, complete), partial: expected(model, partial) };
  model.dispose();

  it('answers as the model does when TensorFlow loads the SavedModel', async () => {
    const place = write(`${title} saved`, savedModelFiles(built, CLASSES));
    const given = inputs(modalities);
    const whole = await tf.node.loadSavedModel(place, ['serve'], SIGNATURES.complete);
    expectSame(valuesOf(whole.predict(given) as Record<string, Tensor>), wanted.complete, complete, title);
    whole.dispose();
    if (!isPartial) return;
    const lacking = await tf.node.loadSavedModel(place, ['serve'], SIGNATURES.withMissing);
    const answers = lacking.predict({ ...given, present: presence(modalities) }) as Record<string, Tensor>;
    expectSame(valuesOf(answers), wanted.partial, partial, `${title}, partial`);
    lacking.dispose();
  });

  it('answers as the model does when TF.js loads the graph model and computes in JavaScript', async () => {
    const place = write(`${title} tfjs`, tfjsFiles(built, CLASSES, 'a test'));
    await tf.setBackend('cpu');
    expect(tf.getBackend()).toBe('cpu');
    try {
      const loaded = await tf.loadGraphModel(pathToFileURL(join(place, 'model.json')).href);
      const names = [...built.outputs];
      const ask = (given: Record<string, Tensor>) => {
        const tensors = loaded.execute(given, names) as Tensor[];
        return valuesOf(Object.fromEntries(names.map((name, at) => [name, tensors[at]!])));
      };
      expectSame(ask(inputs(modalities)), wanted.complete, complete, title);
      if (!isPartial) return;
      const answers = ask({ ...inputs(modalities), present: presence(modalities) });
      expectSame(answers, wanted.partial, partial, `${title}, partial`);
    } finally {
      await tf.setBackend('tensorflow');
    }
  });
});

it('a fusion that no graph is written for is refused, with what can be done', () => {
  const weights = () => ({ shape: [1], values: new Float32Array(1) });
  expect(() =>
    modelGraph({
      modalities: ['audio'],
      encoder: encoderConfigSchema.parse({ kind: 'cnn', width: 1 }),
      fusion: { ...namedFusion('sum'), name: 'another' },
      ...{
        heads: undefined,
        classes: 2,
        weights,
        shapeOf: () => shapeOf('audio'),
        scaleOf: () => SCALES.audio,
      },
    }),
  ).toThrow(/fusion "another" cannot be exported/u);
});
