/**
 * Two models on a snapshot's clips: their scores on the same test clips, and the drift that the current one sees in
 * the new ones. Computes with TensorFlow: call it through `compare-models.ts`.
 */
import type { Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { entriesOf, type Modality, type PerModality } from '../../schemas/modality.ts';
import { storePaths } from '../../schemas/names.ts';
import type { ActivityProgress } from '../../schemas/progress.ts';
import type { Drift, ModelComparison } from '../../schemas/retrain.ts';
import type { Scores, TrainingSpec } from '../../schemas/training.ts';
import { PredictionCollector } from '../evaluation/metrics/collect-predictions.ts';
import { predictedClasses, type Predictions } from '../evaluation/metrics/predictions.ts';
import { scorePredictions } from '../evaluation/metrics/scores.ts';
import { WorkMeter } from '../evaluation/work-meter.ts';
import { breathe } from '../process/child-process.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import { partRows } from '../shards/read/part-rows.ts';
import type { Store } from '../store/store.ts';
import { discrepancyRatios } from '../training/methods/discrepancy.ts';
import { evaluationBatches, loadModel } from '../training/weights/load-model.ts';
import type { EvaluationBatch, ForwardResult, LoadedModel } from '../training/model/loaded-model.ts';
import { addPerModality, tallyBatch } from '../training/model/tally.ts';
import { DRIFT_SPLITS, drawRows, type DrawnRows } from './drift-sample.ts';
import { FeatureMoments, featureShift, manifestDrift, snapshotOf } from './drift.ts';

export interface JudgeModelsInput {
  readonly store: Store;
  /** A version that says what is new in it. */
  readonly dataset: { readonly name: string; readonly version: string };
  readonly candidate: TrainingSpec;
  /** Absent: there is no model yet. */
  readonly current?: TrainingSpec;
  readonly report: (progress: ActivityProgress) => void;
  readonly stopRequested: () => boolean;
}

export interface ComparedModels {
  readonly comparison: ModelComparison;
  readonly drift: Drift;
}

/**
 * Each model has its final weights and its own input normalisation, that of the dataset version it was trained on.
 *
 * @throws ModalmixError `input` when the dataset does not say what is new, or a training is not complete; `config`
 *   when nothing is held out, or a model has other classes or modalities than the dataset; `cancelled` when asked to
 *   stop
 */
export async function judgeModels(input: JudgeModelsInput): Promise<ComparedModels> {
  const { store, dataset, candidate, current } = input;
  const manifest = await loadManifest(store, dataset.name, dataset.version);
  const { newShards } = snapshotOf(manifest);
  if (manifest.splits.test.rows === 0) {
    throw new ModalmixError('config', 'the test split has no clip, so no model can be judged', {
      where: storePaths.manifest(manifest.name, manifest.version),
      fix: 'Give the test split clips that ffmpeg can read.',
    });
  }
  const drawn = {
    old: drawRows(manifest, newShards, 'outside'),
    new: drawRows(manifest, newShards, 'inside'),
  };
  const models = current === undefined ? [candidate] : [candidate, current];
  const meter = new WorkMeter(
    models.length * manifest.splits.test.rows + drawn.old.count + drawn.new.count,
    input.report,
    input.stopRequested,
  );
  const fresh = new Set(partRows(manifest, 'test', newShards).inside);
  const judges = { store, manifest, meter, fresh };
  const own = await withModel(judges, candidate, async (judge) => {
    return {
      scores: await judge.scores(),
      drift: current === undefined ? await judge.drift(drawn) : undefined,
    };
  });
  const other =
    current &&
    (await withModel(judges, current, async (judge) => {
      return { scores: await judge.scores(), drift: await judge.drift(drawn) };
    }));
  const judged = (set: keyof SplitScores) => {
    const judgedOwn = own.scores[set];
    if (judgedOwn === undefined) return undefined;
    const judgedOther = other?.scores[set];
    return {
      candidate: judgedOwn.scores,
      ...(judgedOther === undefined
        ? {}
        : { current: judgedOther.scores, alone: rightAlone(judgedOwn.right, judgedOther.right) }),
    };
  };
  const newData = judged('newData');
  return {
    comparison: { heldOut: judged('heldOut')!, ...(newData === undefined ? {} : { newData }) },
    drift: { ...manifestDrift(manifest), ...(other?.drift ?? own.drift)! },
  };
}

interface Judged {
  readonly scores: Scores;
  /** By clip, in the order of the test split: whether it is named rightly. */
  readonly right: readonly boolean[];
}

interface SplitScores {
  readonly heldOut: Judged | undefined;
  readonly newData: Judged | undefined;
}

function rightClips(predictions: Predictions): boolean[] {
  return Array.from(predictedClasses(predictions), (named, clip) => named === predictions.labels[clip]);
}

function rightAlone(candidate: readonly boolean[], current: readonly boolean[]) {
  const only = (one: readonly boolean[], other: readonly boolean[]) =>
    one.filter((right, clip) => right && other[clip] === false).length;
  return { candidate: only(candidate, current), current: only(current, candidate) };
}

interface JudgeContext {
  readonly store: Store;
  /** Of the clips judged. */
  readonly manifest: DatasetManifest;
  readonly meter: WorkMeter;
  /** Rows of the test split that are new. */
  readonly fresh: ReadonlySet<number>;
}

async function withModel<T>(
  context: JudgeContext,
  spec: TrainingSpec,
  use: (judge: ModelJudge) => Promise<T>,
): Promise<T> {
  const trainedOn = await loadManifest(context.store, spec.dataset.name, spec.dataset.version);
  assertFits(spec, trainedOn, context.manifest);
  const model = await loadModel({ store: context.store, spec, manifest: trainedOn, weights: 'last' });
  try {
    return await use(new ModelJudge(context, spec, trainedOn, model));
  } finally {
    model.dispose();
  }
}

function assertFits(spec: TrainingSpec, trainedOn: DatasetManifest, judged: DatasetManifest): void {
  const known = trainedOn.classNames.join(', ');
  const asked = judged.classNames.join(', ');
  const lacking = spec.modalities.filter((modality) => !judged.modalities.includes(modality));
  if (known === asked && lacking.length === 0) return;
  throw new ModalmixError(
    'config',
    lacking.length > 0
      ? `the clips to judge by have no ${lacking.join(' and no ')}, which the model needs`
      : `the model knows the classes ${known}; the clips to judge by have ${asked}`,
    {
      where: spec.trainingId,
      fix: 'Undo the change, or train from scratch under another name in stream.retrain.model.',
    },
  );
}

class ModelJudge {
  readonly #context: JudgeContext;
  readonly #spec: TrainingSpec;
  readonly #trainedOn: DatasetManifest;
  readonly #model: LoadedModel;

  constructor(context: JudgeContext, spec: TrainingSpec, trainedOn: DatasetManifest, model: LoadedModel) {
    this.#context = context;
    this.#spec = spec;
    this.#trainedOn = trainedOn;
    this.#model = model;
  }

  /** On the whole test split, and on its new clips. */
  async scores(): Promise<SplitScores> {
    const heldOut = new PredictionCollector(this.#model.classes);
    const newData = new PredictionCollector(this.#model.classes);
    await this.#see('test', undefined, (batch, { logits }) => {
      heldOut.add(batch.labels, logits);
      const isNew = Uint8Array.from(batch.rows, (row) => Number(this.#context.fresh.has(row)));
      newData.add(batch.labels, logits, isNew);
    });
    const judge = ({ predictions }: PredictionCollector) =>
      predictions.labels.length === 0
        ? undefined
        : { scores: scorePredictions(predictions), right: rightClips(predictions) };
    return { heldOut: judge(heldOut), newData: judge(newData) };
  }

  /** What this model's features and branches say of old clips and of new ones. */
  async drift(
    drawn: Readonly<Record<'old' | 'new', DrawnRows>>,
  ): Promise<Pick<Drift, 'featureShift' | 'rho'>> {
    const [old, fresh] = [await this.#look(drawn.old), await this.#look(drawn.new)];
    const shifts: PerModality = {};
    for (const modality of this.#spec.modalities) {
      const shift = featureShift(old.moments.get(modality)!, fresh.moments.get(modality)!);
      if (shift !== undefined) shifts[modality] = shift;
    }
    return { featureShift: shifts, rho: { old: old.rho, new: fresh.rho } };
  }

  /** ρ is empty when no clip has every modality. */
  async #look(drawn: DrawnRows): Promise<{ moments: Map<Modality, FeatureMoments>; rho: PerModality }> {
    const { modalities } = this.#spec;
    const size = this.#model.featureSize;
    const moments = new Map(modalities.map((modality) => [modality, new FeatureMoments(size)]));
    const scores: PerModality = {};
    for (const split of DRIFT_SPLITS) {
      await this.#see(split, drawn[split], (batch, { logits, branchLogits, features }) => {
        const answers = { fused: logits, branches: branchLogits };
        addPerModality(scores, tallyBatch(answers, batch.labels, batch.present, modalities).scores);
        for (const modality of modalities) {
          for (let row = 0; row < batch.size; row += 1) {
            if (batch.present[modality]?.[row] !== 1) continue;
            moments.get(modality)!.add(features[modality]!.subarray(row * size, (row + 1) * size));
          }
        }
      });
    }
    const told = entriesOf(scores).some(([, score]) => score > 0);
    return { moments, rho: told ? discrepancyRatios(scores) : {} };
  }

  async #see(
    split: Split,
    rows: Int32Array | undefined,
    take: (batch: EvaluationBatch, answers: ForwardResult) => void,
  ): Promise<void> {
    if (rows?.length === 0) return;
    const { store, manifest, meter } = this.#context;
    const batches = evaluationBatches({
      store,
      spec: this.#spec,
      manifest,
      split,
      batchSize: this.#spec.evaluation.batchSize,
      normalisedBy: this.#trainedOn,
      ...(rows === undefined ? {} : { rows }),
    });
    for await (const batch of batches) {
      take(batch, this.#model.forward(batch));
      await breathe();
      meter.advance(batch.size);
    }
  }
}
