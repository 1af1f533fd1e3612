/** From vectors that were computed elsewhere to a judged model: two sets of features and no media, everything real. */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { indexDataset } from '../../../../pipelines/datasets/index-dataset.ts';
import { evaluateModel } from '../../../../pipelines/evaluation/evaluate-model.ts';
import { exportModel } from '../../../../pipelines/export/export-model.ts';
import { withFeatures } from '../../../../pipelines/extraction/features/with-features.ts';
import { partMeans } from '../../../../pipelines/extraction/features/read-features.ts';
import { predictClips } from '../../../../pipelines/prediction/predict-clips.ts';
import { buildShard } from '../../../../pipelines/shards/write/build-shard.ts';
import { planRebuild, type ShardPlan } from '../../../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../../../pipelines/shards/publish-manifest.ts';
import { openShards } from '../../../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { trainModel } from '../../../../pipelines/training/train-model.ts';
import { trainingSpecs } from '../../../../pipelines/training/training-spec.ts';
import { readWeights } from '../../../../pipelines/training/weights/load-model.ts';
import { runConfigSchema } from '../../../../schemas/config/config.ts';
import { streamOf } from '../../../../schemas/config/stream-config.ts';
import type { DatasetManifest } from '../../../../schemas/manifest.ts';
import type { ClipPrediction } from '../../../../schemas/prediction.ts';
import type { EvaluationResult, TrainingSpec } from '../../../../schemas/training.ts';
import { CLASSES, DIMS, writeFeatureClips, type FeatureClip } from '../../../support/feature-clips.ts';
import { writeNpy } from '../../../support/npy.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-features-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Nothing is decoded: an engine that is asked fails the test. */
const extractor = withFeatures({
  version: 'none',
  extract: async () => {
    throw new Error('an engine was asked for a clip without media');
  },
});

const configOf = (root: string, training: object = {}) =>
  runConfigSchema.parse({
    name: 'vectors',
    dataset: { format: 'csv', file: join(root, 'clips.csv') },
    extraction: {
      modalities: ['features:ast', 'features:text'],
      features: { ast: { dims: DIMS.ast, frames: 2 }, text: { dims: DIMS.text } },
      shard: { targetMiB: 0.003 },
    },
    training: {
      methods: ['joint'],
      epochs: 12,
      batchSize: 9,
      encoder: { kind: 'cnn', width: 4 },
      featureEncoder: { hidden: 16 },
      optimizer: { name: 'adam', learningRate: 0.005 },
      schedule: { name: 'constant' },
      threads: 1,
      ...training,
    },
    evaluation: { batchSize: 5, noiseLevels: [1], blurSigmas: [1], maskShares: [0.2] },
  });

async function rebuilt(
  store: Store,
  config: ReturnType<typeof configOf>,
): Promise<{ plan: ShardPlan; manifest: DatasetManifest }> {
  const { name, extraction } = config;
  const index = await indexDataset(config.dataset);
  const plan = await planRebuild({ store, name, index, extraction, extractorVersion: extractor.version });
  for (const shardIndex of plan.shardsToBuild) {
    await buildShard({ store, name, version: plan.version, shardIndex, extractor });
  }
  return { plan, manifest: await publishManifest({ store, name, version: plan.version }) };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const columnsOf = (rows: readonly (readonly number[])[]) =>
  rows[0]!.map((_, d) => rows.map((row) => row[d]!));

/** By PyTorch's rule of `adaptive_avg_pool1d`, written anew. */
function pooled(clip: FeatureClip): Record<'ast' | 'text', number[][] | undefined> {
  const { ast, text } = clip;
  const half = [ast.slice(0, Math.ceil(ast.length / 2)), ast.slice(Math.floor(ast.length / 2))];
  return { ast: half.map((rows) => columnsOf(rows).map(mean)), text: text && [[...text]] };
}

describe('two sets of features and no media', () => {
  let clips: FeatureClip[];
  let store: Store;
  let plan: ShardPlan;
  let manifest: DatasetManifest;
  let spec: TrainingSpec;
  let evaluation: EvaluationResult;
  const config = configOf(folder);

  beforeAll(async () => {
    clips = writeFeatureClips(folder);
    store = openStore(`file:${join(folder, 'store')}`);
    ({ plan, manifest } = await rebuilt(store, config));
    spec = trainingSpecs(config, manifest)[0]!;
    const followed = { store, spec, report: () => undefined, stopRequested: () => false };
    await trainModel(followed);
    evaluation = await evaluateModel(followed);
  });

  it('are stored as the mean of each part of the time, and standardised by the training split', async () => {
    expect(manifest.modalities).toEqual(['features:ast', 'features:text']);
    expect(manifest.quarantine).toEqual([]);
    expect(manifest.splits.test.missingCounts).toEqual({ 'features:ast': 0, 'features:text': 3 });
    const shards = await openShards({ store, manifest, split: 'test', modalities: manifest.modalities });
    const own = new Map(clips.map((clip) => [clip.id, pooled(clip)]));
    for (const [row, id] of shards.clipIds.entries()) {
      const { 'features:ast': ast, 'features:text': text } = shards.read(row);
      expect(ast?.shape).toEqual([2, DIMS.ast]);
      const wanted = own.get(id)!;
      wanted.ast!.flat().forEach((value, i) => {
        expect(ast!.data[i]).toBeCloseTo(value, 4);
      });
      expect(text && [...text.data]).toEqual(wanted.text?.[0]);
    }
    shards.close();
    const training = clips.filter(({ split }) => split === 'train').map(pooled);
    const rows = training.flatMap(({ ast }) => ast!);
    const { mean: means, std } = manifest.normalisation['features:ast']!;
    columnsOf(rows).forEach((column, d) => {
      expect(means[d]).toBeCloseTo(mean(column), 4);
      expect(std[d]).toBeCloseTo(Math.sqrt(mean(column.map((value) => (value - mean(column)) ** 2))), 4);
    });
    expect(manifest.normalisation['features:text']!.std[0]).toBe(1e-6);
  });

  /** The network's logits from the files' numbers and the stored weights alone, without the product's code. */
  async function logitsByHand(): Promise<Map<string, number[]>> {
    const { tensors } = await readWeights(store, spec.trainingId, 'last');
    const of = (name: string) => tensors.get(name)!.values;
    const linear = (x: readonly number[], weight: Float32Array, size: number) =>
      Array.from({ length: size }, (_, k) =>
        x.reduce((sum, value, i) => sum + value * weight[i * size + k]!, 0),
      );
    const encoded = (name: 'ast' | 'text', vectors: number[][]) => {
      const scale = manifest.normalisation[`features:${name}`]!;
      const answers = vectors.map((vector) => {
        let x = vector.map((value, d) =>
          scale.std[d]! > 1e-6 ? (value - scale.mean[d]!) / scale.std[d]! : 0,
        );
        for (const layer of [1, 2]) {
          const [norm, prefix] = [
            `features:${name}.bn${String(layer)}`,
            `features:${name}.conv${String(layer)}`,
          ];
          x = linear(x, of(`${prefix}.weight`), of(`${norm}.bias`).length).map((value, k) => {
            const deviation = Math.sqrt(of(`${norm}.running_var`)[k]! + 1e-5);
            const y = ((value - of(`${norm}.running_mean`)[k]!) / deviation) * of(`${norm}.weight`)[k]!;
            return Math.max(0, y + of(`${norm}.bias`)[k]!);
          });
        }
        return x;
      });
      return columnsOf(answers).map(mean);
    };
    const answers = clips
      .filter(({ split }) => split === 'test')
      .map((clip) => {
        const { ast, text } = pooled(clip);
        const size = 8 * 4;
        const z = [
          encoded('ast', ast!),
          text === undefined ? Array<number>(size).fill(0) : encoded('text', text),
        ];
        // A missing one: what is there counts twice.
        const joined = z.flat().map((value) => (text === undefined ? 2 : 1) * value);
        const bias = of('fusion.classifier.bias');
        const logits = linear(joined, of('fusion.classifier.weight'), CLASSES.length);
        return [clip.id, logits.map((value, k) => value + bias[k]!)] as const;
      });
    return new Map(answers);
  }

  it('teach a model, whose score is what its weights say by hand', async () => {
    const logits = await logitsByHand();
    const right = clips.filter(({ id, label }) => {
      const own = logits.get(id);
      return own?.indexOf(Math.max(...own)) === label;
    });
    expect(evaluation.fused.samples).toBe(21);
    expect(evaluation.fused.accuracy).toBe(right.length / 21);
    expect(evaluation.fused.accuracy).toBeGreaterThan(0.8);
    expect(evaluation.branches['features:text']?.samples).toBe(18);
    expect(evaluation.probes?.['features:ast']?.accuracy).toBeGreaterThan(0.6);
    expect(evaluation.dropped['features:ast']?.samples).toBe(21);
    // Noise is for vectors too; a blur or a mask is not.
    expect(evaluation.noised.map(({ modality }) => modality)).toEqual(['features:ast', 'features:text']);
    expect([evaluation.blurred, evaluation.masked]).toEqual([undefined, undefined]);
  });

  it('are predicted from files of one name, and a clip without its second file is judged by the first', async () => {
    const logits = await logitsByHand();
    const test = clips.filter(({ split }) => split === 'test').slice(0, 8);
    const predictions: ClipPrediction[] = [];
    await predictClips({
      store,
      chosen: { spec, weights: 'last' },
      files: [...test.map(({ id }) => join(folder, `npy/${id}.ast.npy`)), join(folder, 'npy/nobody.mp4')],
      onFacts: () => undefined,
      onPrediction: (one) => predictions.push(one),
      stopRequested: () => false,
    });
    for (const [i, { id, text }] of test.entries()) {
      const prediction = predictions[i]!;
      if ('problem' in prediction) throw new Error(prediction.problem.reason);
      logits.get(id)!.forEach((value, k) => {
        expect(prediction.fused.logits[k]).toBeCloseTo(value, 3);
      });
      expect(Object.keys(prediction.branches)).toHaveLength(text === undefined ? 1 : 2);
    }
    expect(predictions.at(-1)).toMatchObject({ problem: { code: 'no-streams' } });
  });

  it('are a version by their files’ content: only what changed is read again', async () => {
    expect((await rebuilt(store, config)).plan).toMatchObject({ version: plan.version, shardsToBuild: [] });
    const { id, ast } = clips[0]!;
    writeNpy(
      join(folder, `npy/${id}.ast.npy`),
      ast.flat().map((value) => value + 1),
      [ast.length, DIMS.ast],
    );
    const changed = await rebuilt(store, config);
    expect(changed.plan.version).not.toBe(plan.version);
    expect(changed.plan.clipsToExtract).toBe(1);
  });

  it('are exported as weights, refused as a graph and by stream, in one sentence', async () => {
    const chosen = { spec, weights: 'last' } as const;
    const weights = { store, chosen, format: 'safetensors', folder: join(folder, 'weights') } as const;
    expect((await exportModel(weights)).modalities).toEqual(['features:ast', 'features:text']);
    for (const format of ['savedmodel', 'tfjs'] as const) {
      await expect(exportModel({ ...weights, format, folder: join(folder, format) })).rejects.toMatchObject({
        kind: 'config',
        message: `no ${format} is written of a model that takes features:ast and features:text`,
      });
    }
    expect(() => streamOf(config)).toThrow('features:ast and features:text cannot come by stream');
  });
});

describe('a file that is not what the config says', () => {
  it('costs its clip, with the file and what is wrong; the others are used', async () => {
    const root = mkdtempSync(join(folder, 'hostile-'));
    const made = writeFeatureClips(root);
    const file = (n: number) => join(root, `npy/${made[n]!.id}.ast.npy`);
    writeNpy(file(0), new Float32Array(8), [8]);
    writeNpy(file(1), [1, 2, 3, NaN, 5, 6], [1, 6]);
    writeNpy(file(2), new Float32Array(12), [1, 2, 6]);
    writeNpy(file(3), [], [0, 6]);
    appendFileSync(file(4), 'more');
    const store = openStore(`file:${join(root, 'store')}`);
    const { manifest } = await rebuilt(store, configOf(root));
    const reasons = new Map(
      manifest.quarantine.map(({ clipId, code, reason }) => [clipId, `${code}: ${reason}`]),
    );
    expect([0, 1, 2, 3, 4].map((n) => reasons.get(made[n]!.id))).toEqual([
      `unreadable: ${file(0)} has the shape [8], and extraction.features.ast.dims says that vectors are 6 long`,
      `unreadable: ${file(1)} has NaN at [0, 3]`,
      `unreadable: ${file(2)} has the shape [1, 2, 6]: a vector [D], or one for each step of time [T, D], is read`,
      `unreadable: ${file(3)} has the shape [0, 6]: it holds nothing`,
      `unreadable: ${file(4)} has bytes behind its array: [2, 6] of <f4 is 48 bytes, and 52 are there`,
    ]);
    expect(manifest.quarantine).toHaveLength(5);
    expect(manifest.splits.train.rows).toBe(49);
  });

  it('is told before anything is read: vectors of unknown length, a name that is none, too many sets', () => {
    const extraction = (modalities: string[], features: object = {}) =>
      runConfigSchema.safeParse({
        ...{ name: 'x', dataset: { format: 'csv', file: 'x.csv' } },
        extraction: { modalities, features },
      }).error?.issues[0]?.message;
    expect(extraction(['audio', 'features:clip'])).toBe(
      'say how long the vectors of features:clip are, e.g. features: { clip: { dims: 512 } }',
    );
    expect(extraction(['vidio'])).toBe('must be audio, rgb, flow or features:<name>');
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    expect(
      extraction(
        names.map((name) => `features:${name}`),
        Object.fromEntries(names.map((name) => [name, { dims: 2 }])),
      ),
    ).toBe('more than 5 sets of features: fuse some of them before');
  });
});

it('the parts of the time are PyTorch’s', () => {
  // torch.nn.functional.adaptive_avg_pool1d of 1…5 to 2 and to 3, and of 1, 2 to 3.
  const ofSteps = (steps: number, parts: number) => [
    ...partMeans(
      Float32Array.from({ length: steps }, (_, i) => i + 1),
      steps,
      1,
      parts,
    ),
  ];
  expect(ofSteps(5, 2)).toEqual([2, 4]);
  expect(ofSteps(5, 3)).toEqual([1.5, 3, 4.5]);
  expect(ofSteps(2, 3)).toEqual([1, 1.5, 2]);
});
