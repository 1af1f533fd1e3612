/** Judges a trained model on the test split and writes what the report shows of it. */
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { evaluationResultSchema, type EvaluationResult, type TrainingSpec } from '../../schemas/training.ts';
import { breathe } from '../process/child-process.ts';
import { randomGenerator } from '../random/generator.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import { openShards, type ShardSet } from '../shards/read/shard-reader.ts';
import type { Store } from '../store/store.ts';
import { evaluationBatches, loadModel } from '../training/weights/load-model.ts';
import type { EvaluationBatch, ForwardResult, LoadedModel } from '../training/model/loaded-model.ts';
import { collectExamples } from './collect-examples.ts';
import { findEvaluation } from './find-evaluation.ts';
import { writeFeatures, type FeatureRows, type FeatureSpace } from './feature-table.ts';
import { TestJudge } from './judge-test-split.ts';
import { confusionMatrix } from './metrics/confusion.ts';
import { tallyGroups } from './metrics/group-bootstrap.ts';
import { classScores } from './metrics/per-class.ts';
import { predictedClasses } from './metrics/predictions.ts';
import { LogitCollector, scaleTemperature } from './metrics/temperature.ts';
import { LinearProbes } from './probe/linear-probes.ts';
import { layOutSpaces, UmapSample } from './umap-sample.ts';
import { encodeUmap } from './umap-table.ts';
import { WorkMeter } from './work-meter.ts';

export interface EvaluateModelInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  readonly report: (progress: ActivityProgress) => void;
  readonly stopRequested: () => boolean;
}

type JudgedSplit = 'train' | 'test';

/**
 * Writes the features of both splits, their UMAP, and last `evaluation.json`; when that is there already,
 * returns it and does nothing. Killed before, it is simply done again: every file appears whole.
 *
 * @throws ModalmixError `config` when the test or training split is empty, `input` when the training is not
 *   complete, `cancelled` when asked to stop
 */
export async function evaluateModel(input: EvaluateModelInput): Promise<EvaluationResult> {
  const { store, spec } = input;
  const present = await findEvaluation(store, spec);
  if (present !== undefined) return present;

  const manifest = await loadManifest(store, spec.dataset.name, spec.dataset.version);
  for (const split of ['train', 'test'] as const) {
    if (manifest.splits[split].rows > 0) continue;
    throw new ModalmixError('config', `the ${split} split has no usable clips, so nothing can be judged`, {
      where: storePaths.manifest(manifest.name, manifest.version),
      fix: 'Check the split in "dataset", and the clips in quarantine.',
    });
  }
  const model = await loadModel({ store, spec, manifest, weights: spec.evaluation.weights });
  try {
    const result = await new Evaluation(input, manifest, model).run();
    await store.put(storePaths.evaluation(spec.trainingId), `${JSON.stringify(result)}\n`);
    return result;
  } finally {
    model.dispose();
  }
}

class Evaluation {
  readonly #store: Store;
  readonly #spec: TrainingSpec;
  readonly #manifest: DatasetManifest;
  readonly #model: LoadedModel;
  readonly #judge: TestJudge;
  readonly #meter: WorkMeter;

  constructor(
    { store, spec, report, stopRequested }: EvaluateModelInput,
    manifest: DatasetManifest,
    model: LoadedModel,
  ) {
    this.#store = store;
    this.#spec = spec;
    this.#manifest = manifest;
    this.#model = model;
    this.#judge = new TestJudge(model, spec.modalities, spec.evaluation, spec.seed);
    const { train, validation, test } = manifest.splits;
    this.#meter = new WorkMeter(
      train.rows + validation.rows + test.rows * (2 + this.#judge.extraPasses),
      report,
      stopRequested,
    );
  }

  async run(): Promise<EvaluationResult> {
    const { trainingId, method, seed, modalities, evaluation } = this.#spec;
    const classes = this.#model.classes;
    const probes = evaluation.probes
      ? new LinearProbes(modalities, this.#model.featureSize, classes)
      : undefined;
    const train = await this.#readSplit('train', (batch, plain) => probes?.fit(batch, plain));
    const validation = new LogitCollector(classes);
    await this.#seeValidation((batch, plain) => {
      validation.add(batch.labels, plain.logits);
      probes?.compare(batch, plain);
    });
    const branchPredicted: Partial<Record<Modality, (number | undefined)[]>> = {};
    const tested = new LogitCollector(classes);
    const test = await this.#readSplit('test', (batch, plain) => {
      this.#judge.see(batch, plain);
      tested.add(batch.labels, plain.logits);
      probes?.judge(batch, plain);
      noteBranches(batch, plain, classes, branchPredicted);
    });

    // The layouts count as one more pass over the test split.
    const points = await layOutSpaces({
      train,
      test,
      spaces: [...modalities, 'fused'],
      seed,
      neighbors: evaluation.umap.neighbors,
      minDist: evaluation.umap.minDist,
      onProgress: this.#meter.shares(this.#manifest.splits.test.rows),
    });
    await this.#store.put(storePaths.umap(trainingId), encodeUmap(points));

    const { predictions } = this.#judge;
    const predicted = predictedClasses(predictions);
    const confusion = confusionMatrix(predictions.labels, predicted, classes);
    return evaluationResultSchema.parse({
      formatVersion: 1,
      trainingId,
      method,
      seed,
      modalities,
      classNames: this.#manifest.classNames,
      split: 'test',
      epoch: this.#model.epoch,
      ...this.#judge.scores(),
      ...(probes === undefined ? {} : { probes: probes.results() }),
      ...(validation.labels.length === 0 ? {} : { temperature: scaleTemperature(validation, tested) }),
      perClass: classScores(confusion),
      groups: await this.#tallyGroups(predictions.labels, predicted),
      confusion,
      misclassified: await this.#withPictures(
        async (shards) =>
          await collectExamples({
            predictions,
            clipIds: shards.clipIds,
            branchPredicted,
            count: evaluation.examples,
            frames: (row) => shards.read(row).rgb,
          }),
      ),
      features: {
        train: storePaths.features(trainingId, 'train'),
        test: storePaths.features(trainingId, 'test'),
      },
      umap: storePaths.umap(trainingId),
    } satisfies EvaluationResult);
  }

  /** One pass over the validation split, where there is one; nothing is written. */
  async #seeValidation(onBatch: (batch: EvaluationBatch, plain: ForwardResult) => void): Promise<void> {
    if (this.#manifest.splits.validation.rows === 0) return;
    const { batchSize } = this.#spec.evaluation;
    const [store, spec, manifest] = [this.#store, this.#spec, this.#manifest];
    for await (const batch of evaluationBatches({ store, spec, manifest, split: 'validation', batchSize })) {
      onBatch(batch, this.#model.forward(batch));
      await breathe();
      this.#meter.advance(batch.rows.length);
    }
  }

  async #tallyGroups(labels: ArrayLike<number>, predicted: Int32Array): Promise<EvaluationResult['groups']> {
    const shards = await this.#open('test', []);
    try {
      const grouped = shards.groups.filter((group) => group !== undefined).length;
      return { ...tallyGroups(shards.groups, labels, predicted), grouped };
    } finally {
      shards.close();
    }
  }

  /** One pass over a split: writes its features and keeps a sample of them for the layouts. */
  async #readSplit(
    split: JudgedSplit,
    onBatch: (batch: EvaluationBatch, plain: ForwardResult) => void,
  ): Promise<UmapSample> {
    const { trainingId, modalities, evaluation, seed } = this.#spec;
    const shards = await this.#open(split, []);
    const rows = this.#manifest.splits[split].rows;
    const sample = new UmapSample(
      rows,
      evaluation.umap.maxPoints,
      randomGenerator(seed, `umap-sample/${split}`),
    );
    const passes = split === 'test' ? 1 + this.#judge.extraPasses : 1;
    const batches = async function* (this: Evaluation): AsyncGenerator<FeatureRows> {
      const { batchSize } = evaluation;
      const input = { store: this.#store, spec: this.#spec, manifest: this.#manifest, split, batchSize };
      for await (const batch of evaluationBatches(input)) {
        const plain = this.#model.forward(batch);
        onBatch(batch, plain);
        const features: FeatureRows = {
          clipIds: [...batch.rows].map((row) => shards.clipIds[row] ?? ''),
          // A batch is valid until the next; the writer may still hold its rows then.
          labels: batch.labels.slice(),
          predicted: predictedClasses({
            labels: batch.labels,
            probabilities: plain.logits,
            classCount: this.#model.classes,
          }),
          spaces: this.#spaces(modalities, batch, plain),
        };
        sample.take(batch.rows, features);
        yield features;
        await breathe();
        this.#meter.advance(batch.rows.length * passes);
      }
    };
    try {
      await writeFeatures(this.#store, storePaths.features(trainingId, split), batches.call(this));
    } finally {
      shards.close();
    }
    return sample;
  }

  #spaces(modalities: readonly Modality[], batch: EvaluationBatch, plain: ForwardResult): FeatureSpace[] {
    const own = modalities.flatMap((modality): FeatureSpace[] => {
      const values = plain.features[modality];
      if (values === undefined) return [];
      const present = batch.present[modality] ?? new Uint8Array(batch.rows.length).fill(1);
      return [{ name: modality, values, size: this.#model.featureSize, present }];
    });
    return [...own, { name: 'fused', values: plain.fused, size: this.#model.fusedSize }];
  }

  async #withPictures<T>(use: (shards: ShardSet) => Promise<T>): Promise<T> {
    const shards = await this.#open('test', this.#manifest.modalities.includes('rgb') ? ['rgb'] : []);
    try {
      return await use(shards);
    } finally {
      shards.close();
    }
  }

  async #open(split: JudgedSplit, modalities: readonly Modality[]): Promise<ShardSet> {
    return await openShards({
      store: this.#store,
      manifest: this.#manifest,
      split,
      modalities,
    });
  }
}

/** Appends the class each branch chooses for each clip of a batch. */
function noteBranches(
  batch: EvaluationBatch,
  plain: ForwardResult,
  classCount: number,
  into: Partial<Record<Modality, (number | undefined)[]>>,
): void {
  for (const [modality, logits] of Object.entries(plain.branchLogits) as [Modality, Float32Array][]) {
    const chosen = predictedClasses({ labels: batch.labels, probabilities: logits, classCount });
    const all = (into[modality] ??= []);
    chosen.forEach((k, row) => all.push(batch.present[modality]?.[row] === 0 ? undefined : k));
  }
}
